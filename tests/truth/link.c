// A link between two network namespaces, with delay and loss one way, and a capture at the client's end.
//   gcc -O2 -o link link.c && ./link CLIENT SERVER LOG DELAY_US JITTER_US LOSS_PER_MILLE [DELAY_US JITTER_US LOSS_PER_MILLE]
// CLIENT and SERVER each name a namespace and a TUN device in it, or SPACE/DEVICE. Packets from the server take DELAY_US ± JITTER_US
// (uniform, each by itself: they overtake one another, as netem's do) or are lost; those from the client pass
// at once, or as the last three say.
// LOG, written on SIGTERM: every TCP segment with data or SYN at the client's device, with the kernel's own stamp: u64 ns,
// u8 from the client?, u8 SYN?, u16 client's port, u32 sequence, u32 length, the bytes. It is for systems whose kernel has no netem.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <unistd.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/if_packet.h>
#include <linux/if_ether.h>
#include <arpa/inet.h>
#define MTU 2048
typedef struct packet { uint64_t due; int n, to; uint8_t b[MTU]; } packet;
static packet **heap; static int nheap, cheap; static volatile sig_atomic_t ending;
static void on_end(int sig) { ending = 1; }
static void fail(const char *what) { perror(what); exit(1); }
static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static void push(packet *p) {
  if (nheap == cheap) { cheap = cheap ? cheap * 2 : 1024; heap = realloc(heap, cheap * sizeof *heap); }
  int i = nheap++; for (; i > 0 && heap[(i - 1) / 2]->due > p->due; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
  heap[i] = p; }
static packet *pop(void) {
  packet *top = heap[0], *last = heap[--nheap]; int i = 0;
  for (;;) { int k = 2 * i + 1; if (k >= nheap) break; if (k + 1 < nheap && heap[k + 1]->due < heap[k]->due) k++; if (heap[k]->due >= last->due) break; heap[i] = heap[k]; i = k; }
  if (nheap) heap[i] = last; return top; }
static void enter(const char *space) {
  char path[128]; snprintf(path, sizeof path, "/run/netns/%s", space);
  int f = open(path, O_RDONLY); if (f < 0 || setns(f, CLONE_NEWNET)) fail(path); close(f); }
static const char *device(const char *name) { const char *slash = strchr(name, '/'); return slash ? slash + 1 : name; }
static int tun(const char *name) {
  char space[64]; snprintf(space, sizeof space, "%.*s", (int)strcspn(name, "/"), name); enter(space); int f = open("/dev/net/tun", O_RDWR | O_NONBLOCK); if (f < 0) fail("/dev/net/tun");
  struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI}; strncpy(r.ifr_name, device(name), IFNAMSIZ - 1);
  if (ioctl(f, TUNSETIFF, &r)) fail("TUNSETIFF"); return f; }
static int capture(const char *name) {
  int f = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_ALL)), on = 1, room = 256 << 20; if (f < 0) fail("AF_PACKET");
  setsockopt(f, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on); setsockopt(f, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(device(name))};
  if (bind(f, (void *)&a, sizeof a)) fail("bind"); return f; }
static void keep(int f, FILE *log) {
  uint8_t b[65536]; char ctl[128]; struct sockaddr_ll a;
  for (;;) {
    struct iovec v = {b, sizeof b}; struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl};
    int n = recvmsg(f, &m, 0); if (n < 0) return;
    struct timespec t = {0, 0}; for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMPNS) memcpy(&t, CMSG_DATA(h), sizeof t);
    int ip = (b[0] & 15) * 4; if (n < ip + 20 || b[0] >> 4 != 4 || b[9] != 6) continue;
    int total = b[2] << 8 | b[3]; if (total > n || total == 0) total = n;
    uint8_t *tcp = b + ip; int head = (tcp[12] >> 4) * 4, length = total - ip - head, syn = tcp[13] >> 1 & 1; if (length < 0 || (length == 0 && !syn)) continue;
    int out = a.sll_pkttype == PACKET_OUTGOING; uint8_t *port = tcp + (out ? 0 : 2);
    struct __attribute__((packed)) { uint64_t ns; uint8_t out, syn; uint16_t port; uint32_t sequence, length; } row =
      {t.tv_sec * 1000000000ull + t.tv_nsec, out, syn, port[0] << 8 | port[1], (uint32_t)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7], length};
    fwrite(&row, sizeof row, 1, log); fwrite(tcp + head, 1, length, log); } }
typedef struct way { uint64_t delay, jitter; int loss; } way;
static void take(int from, int to, const way *w) {
  for (;;) {
    packet *p = malloc(sizeof *p); p->to = to; p->n = read(from, p->b, MTU); if (p->n <= 0) { free(p); return; }
    if (lrand48() % 1000 < w->loss) { free(p); continue; }
    p->due = now() + w->delay - w->jitter + (w->jitter ? (uint64_t)(drand48() * 2 * w->jitter) : 0); push(p); } }
int main(int argc, char **argv) {
  if (argc != 7 && argc != 10) return 2;
  way ways[2] = {{0, 0, 0}, {0, 0, 0}}; srand48(1);
  for (int i = 0; i < argc / 3 - 1; i++) ways[i] = (way){atoll(argv[4 + 3 * i]) * 1000ull, atoll(argv[5 + 3 * i]) * 1000ull, atoi(argv[6 + 3 * i])};
  struct sigaction end = {.sa_handler = on_end}; sigaction(SIGTERM, &end, NULL);
  int server = tun(argv[2]), client = tun(argv[1]), seen = capture(argv[1]);
  FILE *log = fopen(argv[3], "wb"); if (!log) fail(argv[3]); setvbuf(log, NULL, _IOFBF, 1 << 20);
  fprintf(stderr, "listening on %s\n", argv[1]);
  while (!ending) {
    struct pollfd f[3] = {{server, POLLIN}, {client, POLLIN}, {seen, POLLIN}}; struct timespec wait = {0, 0}; uint64_t t = now();
    if (nheap && heap[0]->due > t) { wait.tv_sec = (heap[0]->due - t) / 1000000000ull; wait.tv_nsec = (heap[0]->due - t) % 1000000000ull; }
    ppoll(f, 3, nheap ? &wait : NULL, NULL);
    take(client, server, &ways[1]); take(server, client, &ways[0]);
    while (nheap && heap[0]->due <= now()) { packet *p = pop(); write(p->to, p->b, p->n); free(p); }
    keep(seen, log); }
  keep(seen, log); fclose(log); return 0; }
