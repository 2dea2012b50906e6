/* load.c - load generator for Ollama-style and OpenAI-style streaming endpoints. One thread, epoll.
 *
 *   cc -O2 -o load load.c -lm
 *   ./load --port P --path /api/chat --body FILE --conc 16 --requests 200 [--method POST] [--n 100]
 *          [--end ndjson|sse|any|none] [--header 'K: V']... [--ramp-ms 0] [--warm 0] [--timeout-s 60] [--close 1] [--for-ms 0]
 *
 * Reads every answer (chunked, content-length or until close), finds the upstream's markers
 * "[[t=<CLOCK_MONOTONIC ns>;i=<index>]]" in the decoded bytes, and prints one JSON object:
 * time to first token, delay of every token from upstream write to arrival here, total time,
 * requests/s, tokens/s, errors, own CPU. Times in microseconds. Measures after --warm requests
 * per connection. With --for-ms no request begins after that time, however many of --requests are left. A request counts as an error when the status is not 200, the markers are not
 * exactly 0..n-1 in order, the end mark is missing, or the connection breaks.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct { int64_t *v; size_t n, cap; } vec;
static void add(vec *a, int64_t x) { if (a->n == a->cap) { a->cap = a->cap ? a->cap * 2 : 4096; a->v = realloc(a->v, a->cap * 8); } a->v[a->n++] = x; }
static int cmp(const void *a, const void *b) { int64_t x = *(const int64_t *)a, y = *(const int64_t *)b; return x < y ? -1 : x > y; }
static int64_t now_ns(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }

typedef struct {
  int fd, live, connecting; int64_t start_at; long done;
  size_t sent; int64_t t0, first; int measured;
  int hdr; char head[16384]; size_t hl;     /* hdr: 0 reading header, 1 body */
  int status; int chunked; long clen; int ck; size_t ckleft; int close;
  char mark[64]; int ml; unsigned next; int bad; int ended; size_t body;
  char end[40]; int el; int reads;
} conn;

static int port = 0, conc = 1, warm = 0, closeit = 0, timeout_s = 60, nexp = -1, ramp_ms = 0, for_ms = 0; static long requests = 100;
static const char *path = "/api/chat", *method = "POST", *endmode = "any"; static char hdrs[2048];
static char *req; static size_t reqlen;
static vec ttft, lat, total; static long issued, finished, errors, badstatus, breaks, badseq, noend, timeouts, conns_opened, tokens, reads_with; static size_t bytes;
static int64_t m_start, m_end, until; static int ep; static int laststatus; static char errsample[256];
static conn *C; static struct sockaddr_in addr;

static void on_token(conn *c, int64_t t, unsigned i, int64_t now) {
  if (c->next == 0) { c->first = now; }
  if (i != c->next) c->bad = 1;
  c->next++;
  if (c->measured) { add(&lat, now - t); tokens++; }
}

/* decoded body bytes */
static void scan(conn *c, const char *p, size_t n, int64_t now) {
  c->body += n;
  const char *e = p + n; int any = 0;
  if (c->status != 200 && !errsample[0]) { size_t k = n < 200 ? n : 200; memcpy(errsample, p, k); errsample[k] = 0; for (size_t i = 0; i < k; i++) if ((unsigned char)errsample[i] < 32 || errsample[i] == '"' || errsample[i] == '\\') errsample[i] = ' '; }
  while (p < e) {
    if (c->ml == 0) { /* fast search for '[' */
      const char *s = memchr(p, '[', e - p);
      if (!s) break;
      p = s;
      if (e - p >= 48 && p[1] == '[' && p[2] == 't' && p[3] == '=') { /* whole marker is here */
        char *q; int64_t t = strtoll(p + 4, &q, 10);
        if (*q == ';' && q[1] == 'i' && q[2] == '=') { unsigned i = strtoul(q + 3, &q, 10); if (*q == ']') { on_token(c, t, i, now); any = 1; p = q + 2; continue; } }
        p += 1; continue;
      }
    }
    char ch = *p++;
    static const char pre[] = "[[t=";
    if (c->ml < 4) { if (ch == pre[c->ml]) c->mark[c->ml++] = ch; else { c->ml = ch == '[' ? 1 : 0; if (c->ml) c->mark[0] = ch; } continue; }
    if (c->ml >= 62) { c->ml = 0; continue; }
    c->mark[c->ml++] = ch;
    if (ch == ']') { c->mark[c->ml] = 0; long long t; unsigned i; if (sscanf(c->mark, "[[t=%lld;i=%u]", &t, &i) == 2) { on_token(c, t, i, now); any = 1; } c->ml = 0; }
  }
  if (any) c->reads++;
}
/* end mark: look in the last bytes of the body */
static void tail(conn *c, const char *p, size_t n) {
  size_t cap = sizeof c->end - 1;
  if (n >= cap) { memcpy(c->end, p + n - cap, cap); c->el = cap; }
  else { size_t keep = c->el + n > cap ? cap - n : (size_t)c->el; memmove(c->end, c->end + c->el - keep, keep); memcpy(c->end + keep, p, n); c->el = keep + n; }
  c->end[c->el] = 0;
}
static void start(conn *c);
static void open_conn(conn *c) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  c->connecting = 1; conns_opened++; c->t0 = now_ns();
  if (connect(c->fd, (void *)&addr, sizeof addr) && errno != EINPROGRESS) { perror("connect"); exit(3); }
  struct epoll_event e = {.events = EPOLLOUT | EPOLLIN, .data.ptr = c}; epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}
static void watch(conn *c, int out) { struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c}; epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e); }
static void shut(conn *c) { close(c->fd); c->fd = -1; c->live = 0; }

static int push(conn *c) {
  while (c->sent < reqlen) { ssize_t k = send(c->fd, req + c->sent, reqlen - c->sent, MSG_NOSIGNAL); if (k < 0) { if (errno == EAGAIN) { watch(c, 1); return 1; } return 0; } c->sent += k; }
  watch(c, 0); return 1;
}
static void fail(conn *c, long *kind) { errors++; (*kind)++; finished++; c->done++; shut(c); start(c); }
static int more(void) { return issued < requests && (!until || now_ns() < until); }
static void start(conn *c) {
  if (!more()) { if (c->fd >= 0) shut(c); return; }
  issued++; c->measured = c->done >= warm;
  c->hdr = 0; c->hl = 0; c->status = 0; c->chunked = 0; c->clen = -1; c->ck = 0; c->ckleft = 0; c->close = 0; c->ml = 0; c->next = 0; c->bad = 0; c->body = 0; c->el = 0; c->sent = 0; c->first = 0; c->reads = 0; c->live = 1; c->ended = 0;
  if (c->fd < 0) { open_conn(c); return; }
  c->t0 = now_ns(); if (c->measured && !m_start) m_start = c->t0;
  if (!push(c)) fail(c, &breaks);
}
static int ndjson_done(conn *c) { return memmem(c->end, c->el, "}", 1) != 0; }
static void complete(conn *c) {
  int64_t now = now_ns(); finished++; c->done++;
  int bad = 0; laststatus = c->status;
  if (c->status != 200) { badstatus++; bad = 1; }
  else if (nexp >= 0 && (c->bad || c->next != (unsigned)nexp)) { badseq++; bad = 1; }
  else if (!strcmp(endmode, "sse") && !memmem(c->end, c->el, "data: [DONE]", 12)) { noend++; bad = 1; }
  else if (!strcmp(endmode, "ndjson") && !(c->ended && ndjson_done(c))) { noend++; bad = 1; }
  if (bad) errors++;
  else if (c->measured) { if (c->first) add(&ttft, c->first - c->t0); add(&total, now - c->t0); bytes += c->body; reads_with += c->reads; m_end = now; if (!m_start) m_start = c->t0; }
  if (c->close || closeit) shut(c);
  start(c);
}
/* "done":true must occur in the body; kept as a tiny matcher over spaces */
static void see_done(conn *c, const char *p, size_t n) {
  if (c->ended) return;
  char w[80 + 64]; size_t m = n < 64 ? n : 64; memcpy(w, c->end, c->el); memcpy(w + c->el, p, m);
  for (int k = 0; k < 2; k++) {
    const char *s = k ? p : w; const char *e = s + (k ? n : c->el + m);
    while (s < e && (s = memmem(s, e - s, "\"done\"", 6))) { const char *q = s + 6; while (q < e && (*q == ' ' || *q == ':')) q++; if (e - q >= 4 && !memcmp(q, "true", 4)) { c->ended = 1; return; } s += 6; }
  }
}
static void take(conn *c, const char *p, size_t n, int64_t now) { scan(c, p, n, now); if (endmode[0] == 'n' && endmode[1] == 'd') see_done(c, p, n); tail(c, p, n); }

/* returns 1 when the answer is complete */
static int body(conn *c, const char *p, size_t n, int64_t now) {
  if (!c->chunked) {
    if (c->clen >= 0) { size_t k = n < (size_t)c->clen ? n : (size_t)c->clen; if (k) take(c, p, k, now); c->clen -= k; return c->clen == 0; }
    if (n) { take(c, p, n, now); }
    return 0;
  }
  size_t i = 0;
  while (i < n) switch (c->ck) {
    case 0: { char ch = p[i++]; if (isxdigit((unsigned char)ch)) c->ckleft = c->ckleft * 16 + (ch <= '9' ? ch - '0' : (ch | 32) - 'a' + 10); else if (ch == ';') c->ck = 5; else if (ch == '\n') c->ck = c->ckleft ? 1 : 3; break; }
    case 5: if (p[i++] == '\n') c->ck = c->ckleft ? 1 : 3; break;
    case 1: { size_t k = n - i < c->ckleft ? n - i : c->ckleft; take(c, p + i, k, now); i += k; c->ckleft -= k; if (!c->ckleft) c->ck = 2; break; }
    case 2: if (p[i++] == '\n') c->ck = 0; break;
    case 3: if (p[i++] == '\n') return 1; break;
  }
  return 0;
}
static void on_read(conn *c) {
  static char b[1 << 18];
  for (;;) {
    ssize_t k = recv(c->fd, b, sizeof b, 0); int64_t now = now_ns();
    if (k < 0) { if (errno == EAGAIN) return; fail(c, &breaks); return; }
    if (k == 0) { if (c->live && c->hdr == 1 && !c->chunked && c->clen < 0) { c->close = 1; complete(c); } else if (c->live) fail(c, &breaks); else shut(c); return; }
    const char *p = b; size_t n = k; int doneflag = 0;
    if (c->hdr == 0) {
      size_t room = sizeof c->head - 1 - c->hl, m = n < room ? n : room; size_t old = c->hl; memcpy(c->head + c->hl, p, m); c->hl += m; c->head[c->hl] = 0;
      char *e = memmem(c->head, c->hl, "\r\n\r\n", 4); if (!e) { if (c->hl >= sizeof c->head - 1) { fail(c, &breaks); return; } continue; }
      size_t used = e + 4 - c->head - old; p += used; n -= used; *e = 0; c->hdr = 1; c->status = atoi(c->head + 9);
      for (char *l = strstr(c->head, "\r\n"); l; l = strstr(l + 2, "\r\n")) { char *h = l + 2; if (!strncasecmp(h, "content-length:", 15)) c->clen = atol(h + 15); else if (!strncasecmp(h, "transfer-encoding:", 18)) c->chunked = 1; else if (!strncasecmp(h, "connection: close", 17)) c->close = 1; }
      if (c->clen == 0 && !c->chunked) doneflag = 1;
    }
    if (!doneflag && n) doneflag = body(c, p, n, now);
    if (doneflag) { complete(c); return; }
    if ((size_t)k < sizeof b) return;
  }
}
static double pct(vec *a, double p) { if (!a->n) return 0; double x = p * (a->n - 1); size_t i = (size_t)x; double f = x - i; double lo = a->v[i], hi = a->v[i + 1 < a->n ? i + 1 : i]; return (lo + (hi - lo) * f) / 1000.0; }
static void show(const char *name, vec *a, int last) {
  qsort(a->v, a->n, 8, cmp); double s = 0; for (size_t i = 0; i < a->n; i++) s += a->v[i];
  printf("\"%s\":{\"n\":%zu,\"mean\":%.1f,\"min\":%.1f,\"p10\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f}%s", name, a->n, a->n ? s / a->n / 1000 : 0, pct(a, 0), pct(a, .1), pct(a, .5), pct(a, .9), pct(a, .99), pct(a, 1), last ? "" : ",");
}
int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); const char *bodyfile = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    char *k = argv[i], *v = argv[i + 1];
    if (!strcmp(k, "--port")) port = atoi(v); else if (!strcmp(k, "--path")) path = v; else if (!strcmp(k, "--body")) bodyfile = v; else if (!strcmp(k, "--conc")) conc = atoi(v); else if (!strcmp(k, "--requests")) requests = atol(v);
    else if (!strcmp(k, "--method")) method = v; else if (!strcmp(k, "--n")) nexp = atoi(v); else if (!strcmp(k, "--end")) endmode = v; else if (!strcmp(k, "--ramp-ms")) ramp_ms = atoi(v); else if (!strcmp(k, "--warm")) warm = atoi(v);
    else if (!strcmp(k, "--timeout-s")) timeout_s = atoi(v); else if (!strcmp(k, "--close")) closeit = atoi(v); else if (!strcmp(k, "--for-ms")) for_ms = atoi(v); else if (!strcmp(k, "--header")) { strcat(hdrs, v); strcat(hdrs, "\r\n"); }
    else { fprintf(stderr, "unknown option %s\n", k); return 2; }
  }
  char *bd = 0; size_t bl = 0;
  if (bodyfile) { FILE *f = fopen(bodyfile, "rb"); if (!f) { perror(bodyfile); return 2; } fseek(f, 0, SEEK_END); bl = ftell(f); rewind(f); bd = malloc(bl + 1); if (fread(bd, 1, bl, f) != bl) return 2; fclose(f); }
  req = malloc(bl + 4096); reqlen = snprintf(req, 4096, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\nUser-Agent: bench\r\n%s", method, path, port, hdrs);
  if (bodyfile) reqlen += sprintf(req + reqlen, "Content-Type: application/json\r\nContent-Length: %zu\r\n", bl);
  reqlen += sprintf(req + reqlen, "%s\r\n", closeit ? "Connection: close\r\n" : ""); if (bl) memcpy(req + reqlen, bd, bl); reqlen += bl;
  struct rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
  addr.sin_family = AF_INET; addr.sin_port = htons(port); addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ep = epoll_create1(0); C = calloc(conc, sizeof *C); int64_t T0 = now_ns(), deadline = T0 + timeout_s * 1000000000LL;
  int begun = 0; for (int i = 0; i < conc; i++) { C[i].fd = -1; C[i].start_at = T0 + (int64_t)ramp_ms * 1000000 * i / conc; }
  static struct epoll_event ev[1024];
  if (for_ms) until = T0 + for_ms * 1000000LL;
  while (more() || finished < issued) {
    int64_t t = now_ns(); if (t > deadline) { for (int i = 0; i < conc; i++) if (C[i].live) { timeouts++; errors++; } break; }
    while (begun < conc && C[begun].start_at <= t) start(&C[begun++]);
    int64_t w = begun < conc ? C[begun].start_at - t : 100000000; if (w > deadline - t) w = deadline - t; if (w < 0) w = 0;
    struct timespec ts = {w / 1000000000, w % 1000000000};
    int k = epoll_pwait2(ep, ev, 1024, &ts, 0);
    for (int i = 0; i < k; i++) {
      conn *c = ev[i].data.ptr; if (c->fd < 0) continue;
      if (c->connecting) { int er = 0; socklen_t l = sizeof er; getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &er, &l); if (er) { fail(c, &breaks); continue; } c->connecting = 0; if (c->measured && !m_start) m_start = c->t0; if (!push(c)) { fail(c, &breaks); continue; } }
      else if ((ev[i].events & EPOLLOUT) && c->sent < reqlen) { if (!push(c)) { fail(c, &breaks); continue; } }
      if (c->fd >= 0 && (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) on_read(c);
    }
  }
  double dur = m_end > m_start ? (m_end - m_start) / 1e9 : 1e-9; struct rusage ru; getrusage(RUSAGE_SELF, &ru);
  double cpu = ru.ru_utime.tv_sec + ru.ru_stime.tv_sec + (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
  printf("{\"conc\":%d,\"requests\":%ld,\"ok\":%zu,\"errors\":%ld,\"bad_status\":%ld,\"breaks\":%ld,\"bad_sequence\":%ld,\"no_end\":%ld,\"timeouts\":%ld,\"last_status\":%d,\"error_sample\":\"%s\",\"conns\":%ld,\"seconds\":%.4f,\"rps\":%.1f,\"tokens\":%ld,\"tps\":%.0f,\"bytes\":%zu,\"tokens_per_read\":%.2f,\"load_cpu_s\":%.3f,", conc, finished, total.n, errors, badstatus, breaks, badseq, noend, timeouts, laststatus, errsample, conns_opened, dur, total.n / dur, tokens, tokens / dur, bytes, reads_with ? (double)tokens / reads_with : 0, cpu);
  show("ttft_us", &ttft, 0); show("lat_us", &lat, 0); show("total_us", &total, 1); printf("}\n");
  return 0;
}
