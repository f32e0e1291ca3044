// Runs a program and says what it and all that it started cost: also processes that nobody waited for.
//   gcc -O2 -o whole_process whole_process.c && ./whole_process RESULT LIMIT_SECONDS PROGRAM ARGUMENT...
// RESULT becomes one JSON object: seconds of CPU of all processes (wait4; orphans come to this one), seconds until the
// program itself ended, peak memory of the largest process (ru_maxrss) and of all at once, sampled each 50 ms without
// taking any lock of theirs: private pages of each (resident - shared of /proc/PID/statm) plus the most shared of one.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static double now(void){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec+t.tv_nsec/1e9;}
static long alone, shared; static int living;
// Adds up what each descendant has, or ends it.
static void visit(int pid,int kills){
  char path[64]; sprintf(path,"/proc/%d/task",pid); DIR*d=opendir(path); if(!d)return;
  for(struct dirent*e;(e=readdir(d));){ if(*e->d_name=='.')continue;
    char children[512]; snprintf(children,sizeof children,"%s/%s/children",path,e->d_name); FILE*f=fopen(children,"r"); if(!f)continue;
    for(int child;fscanf(f,"%d",&child)==1;){
      if(kills)kill(child,SIGKILL);
      else{ char m[64]; sprintf(m,"/proc/%d/statm",child); FILE*s=fopen(m,"r"); long all,res,shr;
        if(s){ if(fscanf(s,"%ld %ld %ld",&all,&res,&shr)==3){living++;alone+=res-shr;if(shr>shared)shared=shr;} fclose(s);} }
      visit(child,kills); }
    fclose(f); }
  closedir(d);
}
int main(int ac,char**av){
  if(ac<4){fprintf(stderr,"usage: %s RESULT LIMIT_SECONDS PROGRAM ARGUMENT...\n",av[0]);return 2;}
  struct rlimit files; getrlimit(RLIMIT_NOFILE,&files); files.rlim_cur=files.rlim_max; setrlimit(RLIMIT_NOFILE,&files);
  prctl(PR_SET_CHILD_SUBREAPER,1); prctl(PR_SET_PDEATHSIG,SIGTERM);
  sigset_t child; sigemptyset(&child); sigaddset(&child,SIGCHLD); sigprocmask(SIG_BLOCK,&child,NULL);
  double start=now(),limit=start+atof(av[2]),end=0; int program=fork();
  if(!program){ sigprocmask(SIG_UNBLOCK,&child,NULL); prctl(PR_SET_PDEATHSIG,SIGKILL); execvp(av[3],av+3); perror(av[3]); _exit(127); }
  int code=0,processes=0,most=0; long peak=0;
  for(;;){
    int status,pid; while((pid=waitpid(-1,&status,WNOHANG))>0){ processes++; if(pid!=program)continue;
      end=now(); code=WIFEXITED(status)?WEXITSTATUS(status):128+WTERMSIG(status); if(limit>end+5)limit=end+5; }
    if(pid<0&&errno==ECHILD)break;
    alone=shared=living=0; visit(getpid(),0); if(alone+shared>peak)peak=alone+shared; if(living>most)most=living;
    if(now()>limit){ visit(getpid(),1); if(!end)fprintf(stderr,"ended after %s s\n",av[2]); limit=now()+1; }
    struct timespec pause={0,50000000}; sigtimedwait(&child,NULL,&pause);
  }
  struct rusage r; getrusage(RUSAGE_CHILDREN,&r); FILE*f=fopen(av[1],"w"); if(!f){perror(av[1]);return 1;}
  fprintf(f,"{\"cpuSec\":%.6f,\"systemSec\":%.6f,\"wallSec\":%.6f,\"largestMiB\":%.3f,\"togetherMiB\":%.3f,\"processes\":%d,\"code\":%d}\n",
    r.ru_utime.tv_sec+r.ru_stime.tv_sec+(r.ru_utime.tv_usec+r.ru_stime.tv_usec)/1e6,r.ru_stime.tv_sec+r.ru_stime.tv_usec/1e6,
    end-start,r.ru_maxrss/1024.,peak*(double)sysconf(_SC_PAGESIZE)/1048576,most,code);
  fclose(f); return code;
}
