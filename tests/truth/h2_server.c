// Independent ground truth for gRPC: the PPL server's Generation call in C (epoll, one thread, plaintext HTTP/2).
//   gcc -O2 -o h2_server h2_server.c && taskset -c 1 ./h2_server PORT ITL_US TICK_US [LOG]
// ITL_US = 0: as fast as the socket takes them; each send() holds one token of every stream that has room.
// ITL_US > 0: a token of each stream every ITL_US, the first one ITL_US after the request.
//   TICK_US = 0: each token leaves at its time, in a send() of its own.
//   TICK_US > 0: the server looks at the clock that often and sends what is due in one send() a connection.
// Reads of the request: max_new_tokens, and the id; a request with id 2 (warm-up) is never paced.
// LOG: written on SIGTERM, as truth_server's: a row of 1032 uint64 for each request, [0] its arrival (the kernel's receive
// stamp of the bytes that ended it), [1..] when each token left, CLOCK_MONOTONIC ns; then no request is a warm-up.
// One DATA frame a token. Its field "id" is not the request's: it is CLOCK_MONOTONIC ns just before the send().
// HTTP/2 as far as a client needs it: SETTINGS, flow control, PING, RST_STREAM; header blocks are not read, any
// path is answered. Whatever else a client does wrong is not noticed.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#define MSG_LEN 39
#define ROOM (64 * 1024)
#define LOGT 1032
#define MAXREQ 16384
static uint64_t *lg; static long rows; static uint64_t rx; static volatile sig_atomic_t ending;
static void on_end(int sig) { ending = 1; }
typedef struct stream { uint64_t *row; int sent; uint32_t id; int64_t window; int left, begun; uint64_t due; uint8_t *msg; int mlen; int paced; struct stream *next; } stream;
typedef struct conn {
  int fd, preface, armed, dead; uint8_t *in; int nin, cin;
  uint8_t *out; int nout, oout, cout;
  int64_t window, initial; int got; uint64_t tokens; stream *streams; struct conn *next; } conn;
static int ep; static conn *conns; static uint64_t itl, tick; static uint32_t word;
static const char *words[8] = {" hello", " world", " there", " model", " token", " think", " about", " which"};
static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static void put32(uint8_t *b, uint32_t v) { b[0] = v >> 24; b[1] = v >> 16; b[2] = v >> 8; b[3] = v; }
static uint32_t get32(const uint8_t *b) { return (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]; }
static uint8_t *reserve(conn *c, int n) {
  if (c->oout == c->nout) c->oout = c->nout = 0;
  if (c->nout + n > c->cout) { c->cout = (c->nout + n) * 2; c->out = realloc(c->out, c->cout); }
  uint8_t *b = c->out + c->nout; c->nout += n; return b; }
static uint8_t *frame(conn *c, int len, int type, int flags, uint32_t id) {
  uint8_t *b = reserve(c, 9 + len); b[0] = len >> 16; b[1] = len >> 8; b[2] = len; b[3] = type; b[4] = flags; put32(b + 5, id); return b + 9; }
static void drop(conn *c) { if (!c->dead) { c->dead = 1; close(c->fd); } }
static void flush(conn *c) {
  while (!c->dead && c->oout < c->nout) {
    int w = send(c->fd, c->out + c->oout, c->nout - c->oout, MSG_NOSIGNAL);
    if (w < 0) { if (errno != EAGAIN) drop(c); break; }
    c->oout += w; }
  int want = c->oout < c->nout;
  if (!c->dead && want != c->armed) { c->armed = want; struct epoll_event e = {.events = EPOLLIN | (want ? EPOLLOUT : 0), .data.ptr = c}; epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e); } }
static int bytes(uint8_t *b, int at, int field, const void *p, int n) { b[at++] = field << 3 | 2; b[at++] = n; memcpy(b + at, p, n); return at + n; }
// One token of a stream, if both windows have room; the last one also ends the stream.
static int token(conn *c, stream *s) {
  if (s->window < 5 + MSG_LEN || c->window < 5 + MSG_LEN) return 0;
  if (!s->begun) {
    static const uint8_t head[] = {0x88, 0x0f, 0x10, 16, 'a','p','p','l','i','c','a','t','i','o','n','/','g','r','p','c'};
    memcpy(frame(c, sizeof head, 1, 4, s->id), head, sizeof head); s->begun = 1; }
  s->window -= 5 + MSG_LEN; c->window -= 5 + MSG_LEN; c->tokens++;
  int last = --s->left == 0;
  uint8_t rsp[64], ids[8], detail[16]; int n = 0, k = 0, d = 0;
  rsp[n++] = 1 << 3; rsp[n++] = last;
  rsp[n++] = 2 << 3; uint64_t stamp = now(); if (s->row && s->sent + 1 < LOGT) s->row[++s->sent] = stamp;
  for (uint64_t t = stamp, i = 0; i < 9; i++, t >>= 7) rsp[n++] = (t & 127) | (i < 8 ? 128 : 0);
  n = bytes(rsp, n, 3, words[word & 7], 6);
  uint32_t id = 1000 + (word++ & 4095); ids[k++] = 1 << 3 | 2; ids[k++] = 2; ids[k++] = (id & 127) | 128; ids[k++] = id >> 7 & 127;
  n = bytes(rsp, n, 4, ids, k);
  float p = -0.5f; detail[d++] = 1 << 3 | 5; memcpy(detail + d, &p, 4); d += 4; detail[d++] = 2 << 3; detail[d++] = 0; detail[d++] = 3 << 3; detail[d++] = 0;
  n = bytes(rsp, n, 5, detail, d);
  uint8_t *b = frame(c, 5 + MSG_LEN, 0, 0, s->id); b[0] = 0; put32(b + 1, MSG_LEN); b[5] = 1 << 3 | 2; b[6] = n; memcpy(b + 7, rsp, n);
  if (last) {
    static const uint8_t tail[] = {0, 11, 'g','r','p','c','-','s','t','a','t','u','s', 1, '0'};
    memcpy(frame(c, sizeof tail, 1, 5, s->id), tail, sizeof tail); }
  return 1; }
static void sweep(conn *c) { for (stream **p = &c->streams; *p;) if ((*p)->left == 0 && (*p)->begun) { stream *s = *p; *p = s->next; free(s->msg); free(s); } else p = &(*p)->next; }
static uint64_t varint(const uint8_t *b, int *at, int to) { uint64_t v = 0; for (int s = 0; *at < to; s += 7) { uint8_t x = b[(*at)++]; v |= (uint64_t)(x & 127) << s; if (x < 128) break; } return v; }
// Finds field `want` in b[*from, *to): a varint's value, or the range of what is delimited.
static int find(const uint8_t *b, int *from, int *to, int want, uint64_t *value) {
  for (int at = *from; at < *to;) {
    uint64_t tag = varint(b, &at, *to); int kind = tag & 7; uint64_t v = 0; int begin = at;
    if (kind == 0) v = varint(b, &at, *to); else if (kind == 5) at += 4; else if (kind == 1) at += 8; else { v = varint(b, &at, *to); begin = at; at += v; }
    if ((int)(tag >> 3) == want) { if (kind == 0) *value = v; else { *from = begin; *to = at; } return 1; } }
  return 0; }
static void ask(stream *s) {
  int from = 5, to = s->mlen; uint64_t id = 0, count = 1;
  if (find(s->msg, &from, &to, 1, &id)) { int a = from, b = to; find(s->msg, &a, &b, 1, &id); if (find(s->msg, &from, &to, 5, &count)) find(s->msg, &from, &to, 1, &count); }
  s->left = count; s->paced = itl > 0 && (lg || id != 2); s->due = now() + itl;
  if (lg && rows < MAXREQ) { s->row = lg + rows++ * LOGT; s->row[0] = rx; } }
static void on_frame(conn *c, int type, int flags, uint32_t id, const uint8_t *p, int n) {
  stream *s; for (s = c->streams; s && s->id != id; s = s->next);
  if (type == 0) {
    c->got += n; if (c->got > 16384) { put32(frame(c, 4, 8, 0, 0), c->got); c->got = 0; }
    if (!s) return;
    s->msg = realloc(s->msg, s->mlen + n + 1); memcpy(s->msg + s->mlen, p, n); s->mlen += n; if (flags & 1) ask(s);
  } else if (type == 1 && !s) { s = calloc(1, sizeof *s); s->id = id; s->window = c->initial; s->next = c->streams; c->streams = s;
  } else if (type == 3 && s) { s->left = 0; s->begun = 1; sweep(c);
  } else if (type == 4 && !(flags & 1)) {
    for (; n >= 6; p += 6, n -= 6) if (p[1] == 4) { int64_t v = get32(p + 2); for (s = c->streams; s; s = s->next) s->window += v - c->initial; c->initial = v; }
    frame(c, 0, 4, 1, 0);
  } else if (type == 6 && !(flags & 1)) memcpy(frame(c, 8, 6, 1, 0), p, 8);
  else if (type == 8) { int64_t v = get32(p) & 0x7fffffff; if (id == 0) c->window += v; else if (s) s->window += v; } }
// recv with the time at which the kernel had the bytes, turned from CLOCK_REALTIME to CLOCK_MONOTONIC.
static int receive(conn *c) {
  char ctl[64]; struct iovec v = {c->in + c->nin, c->cin - c->nin}; struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl};
  int r = recvmsg(c->fd, &m, 0); if (r <= 0) return r;
  rx = now(); struct cmsghdr *h = CMSG_FIRSTHDR(&m);
  if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMPNS) {
    struct timespec t, w; memcpy(&t, CMSG_DATA(h), sizeof t); clock_gettime(CLOCK_REALTIME, &w);
    int64_t ago = (w.tv_sec - t.tv_sec) * 1000000000ll + (w.tv_nsec - t.tv_nsec); if (ago >= 0 && ago < 1000000000ll) rx -= ago; }
  return r; }
static void on_read(conn *c) {
  for (;;) {
    if (c->cin - c->nin < 65536) { c->cin = c->nin + 131072; c->in = realloc(c->in, c->cin); }
    int r = receive(c);
    if (r == 0 || (r < 0 && errno != EAGAIN)) return drop(c);
    if (r < 0) break;
    c->nin += r;
    int at = 0; if (!c->preface) { if (c->nin < 24) break; c->preface = 1; at = 24; }
    while (c->nin - at >= 9) {
      uint8_t *b = c->in + at; int len = b[0] << 16 | b[1] << 8 | b[2]; if (c->nin - at < 9 + len) break;
      on_frame(c, b[3], b[4], get32(b + 5) & 0x7fffffff, b + 9, len); at += 9 + len; }
    memmove(c->in, c->in + at, c->nin - at); c->nin -= at; } }
// Sends what may leave now; returns when the next token is due (0 = at once, UINT64_MAX = nothing to wait for).
static uint64_t pump(conn *c, uint64_t t) {
  uint64_t next = UINT64_MAX; int ended = 0;
  for (int more = 1; more && !c->dead && c->nout - c->oout < ROOM;) {
    more = 0; int sent = 0;
    for (stream *s = c->streams; s; s = s->next) {
      if (s->left == 0) continue;
      if (s->paced && s->due > t) { if (s->due < next) next = s->due; continue; }
      if (!token(c, s)) continue;
      sent = 1; ended |= s->left == 0;
      if (s->paced) { s->due += itl; if (s->left && s->due < next) next = s->due; if (tick == 0) flush(c); } else more = 1; }
    if (ended) { sweep(c); ended = 0; }
    if (sent) flush(c);
    if (c->oout < c->nout) break; }
  flush(c);
  return next; }
int main(int argc, char **argv) {
  if (argc < 4) return 2;
  if (argc > 4) { lg = calloc((size_t)MAXREQ * LOGT, 8); struct sigaction a = {.sa_handler = on_end}; sigaction(SIGTERM, &a, NULL); }
  signal(SIGPIPE, SIG_IGN); itl = atoll(argv[2]) * 1000ull; tick = atoll(argv[3]) * 1000ull;
  int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1; setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(l, (void *)&a, sizeof a) || listen(l, 4096)) { perror("listen"); return 1; }
  ep = epoll_create1(0); struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}; epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
  fprintf(stderr, "listening on %s\n", argv[1]);
  uint64_t next = UINT64_MAX;
  for (;;) {
    if (ending) { FILE *f = fopen(argv[4], "wb"); fwrite(lg, 8 * LOGT, rows, f); fclose(f); return 0; }
    struct epoll_event ev[256]; struct timespec wait = {0, 0}; uint64_t t = now();
    if (next != UINT64_MAX && tick) next = (next / tick + 1) * tick;
    if (next > t && next != UINT64_MAX) { wait.tv_sec = (next - t) / 1000000000ull; wait.tv_nsec = (next - t) % 1000000000ull; }
    int n = epoll_pwait2(ep, ev, 256, next == UINT64_MAX ? NULL : &wait, NULL);
    for (int i = 0; i < n; i++) {
      conn *c = ev[i].data.ptr;
      if (!c) {
        int fd; while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          if (lg) setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
          c = calloc(1, sizeof *c); c->fd = fd; c->window = c->initial = 65535; c->next = conns; conns = c;
          uint8_t *b = frame(c, 6, 4, 0, 0); b[0] = 0; b[1] = 4; put32(b + 2, 1 << 20); // INITIAL_WINDOW_SIZE 1 MiB
          e.data.ptr = c; epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e); flush(c); }
        continue; }
      if (!c->dead && ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_read(c); }
    next = UINT64_MAX; t = now();
    for (conn **p = &conns; *p;) {
      conn *c = *p;
      if (!c->dead) { uint64_t d = pump(c, t); if (d < next) next = d; }
      if (c->dead) { *p = c->next; while (c->streams) { c->streams->left = 0; c->streams->begun = 1; sweep(c); } free(c->in); free(c->out); free(c); } else p = &c->next; }
  } }
