/* An NVML of two GPUs for tests. Each look makes GPU 0's numbers grow by a step that a reader can
   follow: memory by 1 GiB, energy by 100 J. GPU 1 tells memory only. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GIB (1ull << 30)
#define NOT_SUPPORTED 3
#define INSUFFICIENT_SIZE 7
#define FIRST ((void *)0x1000)

typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } MemoryV2;
typedef struct { unsigned pid; unsigned long long used; unsigned gi, ci; } Process;
typedef struct { Process entry; unsigned long long protected; } LongProcess;

static unsigned long long looks;

static unsigned long long used_by(void *gpu) { return gpu == FIRST ? (10 + looks) * GIB : 3 * GIB; }

int nvmlInit_v2(void) {
  const char *code = getenv("FAKE_NVML_INIT");
  looks = 0;
  return code ? atoi(code) : 0;
}
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return 0; }
/* The third may not be used by us. */
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **gpu) {
  if (index > 1) return 4;
  *gpu = (void *)(uintptr_t)(0x1000 + index);
  return 0;
}
int nvmlDeviceGetName(void *gpu, char *name, unsigned length) {
  strncpy(name, gpu == FIRST ? "Fake A" : "Fake B", length);
  return 0;
}
/* Counts 1 GiB that the driver keeps for itself. */
int nvmlDeviceGetMemoryInfo(void *gpu, Memory *memory) {
  memory->total = 80 * GIB;
  memory->used = used_by(gpu) + GIB;
  memory->free = memory->total - memory->used;
  return 0;
}
#ifndef OLD_DRIVER
int nvmlDeviceGetMemoryInfo_v2(void *gpu, MemoryV2 *memory) {
  if (memory->version != (sizeof(MemoryV2) | 2u << 24)) return 25;
  memory->total = 80 * GIB;
  memory->reserved = GIB;
  memory->used = used_by(gpu);
  memory->free = memory->total - memory->used - memory->reserved;
  return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void *gpu, unsigned long long *millijoules) {
  if (gpu != FIRST) return NOT_SUPPORTED;
  *millijoules = 123456000000ull + 100000ull * looks;
  return 0;
}
/* A hundred processes: this one with 2 GiB, the one with the number 1 with 4 GiB, that of
   FAKE_NVML_CHILD with 8 GiB, and others that do not tell theirs when FAKE_NVML_UNTOLD is set. It
   is the last call of a look. */
int nvmlDeviceGetComputeRunningProcesses_v2(void *gpu, unsigned *count, Process *list) {
  const char *child = getenv("FAKE_NVML_CHILD");
  unsigned room = *count, all = gpu == FIRST ? 100 : 0;
  *count = all;
  if (room < all) return INSUFFICIENT_SIZE;
  for (unsigned i = 0; i < all; i++) {
    list[i].pid = i == 0 ? (unsigned)getpid() : i == 2 && child ? (unsigned)atoi(child) : 1;
    list[i].used = i == 2 && child ? 8 * GIB : i == 0 ? 2 * GIB : i == 1 ? 4 * GIB : getenv("FAKE_NVML_UNTOLD") ? ~0ull : 0;
  }
  looks += gpu == FIRST;
  return 0;
}
/* As some drivers have it: the same entries, each 8 bytes longer. */
int nvmlDeviceGetComputeRunningProcesses_v3(void *gpu, unsigned *count, LongProcess *list) {
  unsigned room = *count;
  Process entries[100];
  *count = 100;
  int code = nvmlDeviceGetComputeRunningProcesses_v2(gpu, count, entries);
  if (room < *count) return INSUFFICIENT_SIZE;
  for (unsigned i = 0; i < *count; i++) {
    list[i].entry = entries[i];
    list[i].protected = 0;
  }
  return code;
}
#endif
int nvmlDeviceGetUtilizationRates(void *gpu, Utilization *utilization) {
  if (gpu != FIRST) return NOT_SUPPORTED;
  utilization->gpu = 37;
  utilization->memory = 12;
  return 0;
}
int nvmlDeviceGetPowerUsage(void *gpu, unsigned *milliwatts) {
  if (gpu != FIRST) return NOT_SUPPORTED;
  *milliwatts = 412345;
  return 0;
}
