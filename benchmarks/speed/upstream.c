/* upstream.c - fake OpenRouter-like upstream for benchmarks. One thread, epoll, loopback only.
 *
 *   cc -O2 -o upstream upstream.c && ./upstream PORT        (PORT 0: any; prints "PORT n")
 *
 *   GET  .../models              catalogue of 400 entries
 *   GET  .../embeddings/models   the one model for vectors
 *   GET  .../key                 small key-information object
 *   POST .../chat/completions    SSE (if the body holds "stream": true) or one JSON answer
 *   POST .../embeddings          one 1536-wide vector per answer
 *   GET  /__config?n=100&delay_us=0&first_us=0&burst=1&jitter_pct=0&conn_us=0
 *   GET  /__stats[?reset=1]
 *
 *   n           content chunks per answer          delay_us    time between chunks
 *   first_us    time before the first chunk        burst       chunks per write()
 *   jitter_pct  +- spread of delay_us              conn_us     how long a connection takes to be of use, counted
 *                                                  from its opening (stands in for TCP+TLS set-up: what is opened
 *                                                  ahead does not pay it)
 *
 * Each content chunk carries "[[t=<CLOCK_MONOTONIC ns>;i=<index>]]" and a word from a table with
 * escapes, raw UTF-8 and a surrogate pair, so that a proxy that mishandles any of them is caught.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
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

#define MAXFD 65536
#define HDRMAX 65536

static const char *WORDS[16] = {
    " the", " model", " answers", "\\n", " \\\"quoted\\\"", " caf\\u00e9", " na\xc3\xafve", " \xf0\x9f\x98\x80",
    " \\ud83d\\ude80", " {brace}", " back\\\\slash", " data: [DONE]", "\\t", " \xe6\xbc\xa2\xe5\xad\x97", " tokens", "."};

enum { RD_HDR, RD_BODY, WAITING, STREAMING };

typedef struct {
  int fd, state, keepalive, fresh; int64_t born;
  char *in; size_t inlen;              /* header bytes (and what came after them) */
  long body_left; int chunked;         /* request body */
  int ck_state; size_t ck_left;        /* chunked request decoding */
  char tail[32]; int taillen;          /* overlap for the search of "stream":true */
  int stream; int route; size_t body_len;
  char *out; size_t outlen, outoff, outcap; int want_out; int wblocked;
  unsigned idx, n; int64_t due; int heap; /* heap index or -1 */
  int phase;
} conn;

static conn *C[MAXFD];
static int ep, lfd;
static long cfg_n = 100, cfg_delay = 0, cfg_first = 0, cfg_burst = 1, cfg_jit = 0, cfg_conn = 0;
static long st_chats, st_accepts, st_requests, st_streams, st_active, st_peak, st_chunks, st_aborted, st_last_body, st_open;
static char *models_body; static size_t models_len;
static char *embed_body; static size_t embed_len;
static uint64_t rng = 88172645463325252ull;
static uint64_t rnd(void) { rng ^= rng << 13; rng ^= rng >> 7; rng ^= rng << 17; return rng; }

static int64_t now_ns(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }

/* ---- min-heap of connections by due time ---- */
static conn *H[MAXFD]; static int hn;
static void hset(int i, conn *c) { H[i] = c; c->heap = i; }
static void hup(int i) { conn *c = H[i]; while (i > 0) { int p = (i - 1) / 2; if (H[p]->due <= c->due) break; hset(i, H[p]); i = p; } hset(i, c); }
static void hdown(int i) { conn *c = H[i]; for (;;) { int k = 2 * i + 1; if (k >= hn) break; if (k + 1 < hn && H[k + 1]->due < H[k]->due) k++; if (H[k]->due >= c->due) break; hset(i, H[k]); i = k; } hset(i, c); }
static void hpush(conn *c) { hset(hn, c); hn++; hup(hn - 1); }
static void hdel(conn *c) { int i = c->heap; if (i < 0) return; c->heap = -1; hn--; if (i == hn) return; conn *l = H[hn]; hset(i, l); hup(i); hdown(l->heap); }

static void arm(conn *c, int out) { if (c->want_out == out) return; c->want_out = out; struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | (out ? EPOLLOUT : 0), .data.fd = c->fd}; epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e); }

static void drop(conn *c) {
  if (c->state == STREAMING || c->state == WAITING) { if (c->route == 1) { st_aborted++; if (c->stream) st_active--; } }
  hdel(c); C[c->fd] = 0; close(c->fd); free(c->in); free(c->out); free(c); st_open--;
}

static void put(conn *c, const char *p, size_t n) {
  if (c->outlen + n > c->outcap) { c->outcap = (c->outlen + n) * 2 + 4096; c->out = realloc(c->out, c->outcap); }
  memcpy(c->out + c->outlen, p, n); c->outlen += n;
}
/* 1: all written, 0: blocked, -1: connection gone */
static int flush_out(conn *c) {
  while (c->outoff < c->outlen) {
    ssize_t k = send(c->fd, c->out + c->outoff, c->outlen - c->outoff, MSG_NOSIGNAL);
    if (k < 0) { if (errno == EAGAIN) { arm(c, 1); return 0; } return -1; }
    c->outoff += k;
  }
  c->outoff = c->outlen = 0; arm(c, 0); return 1;
}
static void put_chunk(conn *c, const char *p, size_t n) { char h[24]; int k = snprintf(h, sizeof h, "%zx\r\n", n); put(c, h, k); put(c, p, n); put(c, "\r\n", 2); }

static const char *PRE = "\"id\":\"gen-1763838000-Qm3xT7kYw2LpVb9RzNcE\",\"provider\":\"OpenAI\",\"model\":\"openai/gpt-4o-mini\"";

static int fmt_delta(char *b, size_t cap, unsigned i) {
  return snprintf(b, cap, "data: {%s,\"object\":\"chat.completion.chunk\",\"created\":1763838000,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"[[t=%lld;i=%u]]%s\"},\"finish_reason\":null,\"native_finish_reason\":null,\"logprobs\":null}],\"system_fingerprint\":\"fp_34a54ae93c\"}\n\n",
                  PRE, (long long)now_ns(), i, WORDS[i & 15]);
}

static void answer(conn *c, int code, const char *type, const char *body, size_t n) {
  char h[256];
  int k = snprintf(h, sizeof h, "HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\nserver: fake\r\n%s\r\n", code, code == 200 ? "OK" : "Error", type, n, c->keepalive ? "" : "connection: close\r\n");
  put(c, h, k); put(c, body, n);
}

static void next_request(conn *c);

static long qval(const char *q, const char *name, long old) {
  size_t n = strlen(name); const char *p = q;
  while ((p = strstr(p, name))) { if ((p[-1] == '?' || p[-1] == '&') && p[n] == '=') return atol(p + n + 1); p += n; }
  return old;
}

static void finish_plain(conn *c) {
  int r = flush_out(c);
  if (r < 0) { drop(c); return; }
  if (r == 0) { c->state = STREAMING; c->phase = 9; return; }
  c->state = RD_HDR;
  if (!c->keepalive) { drop(c); return; }
  next_request(c);
}

static void other_answer(conn *c);

static void start_answer(conn *c) { /* the whole request has been read */
  st_requests++; if (c->route == 1) { st_chats++; st_last_body = c->body_len; }
  if (c->route == 1) {
    if (c->stream) {
      st_streams++; st_active++; if (st_active > st_peak) st_peak = st_active;
      static char h[256]; static size_t hl; static time_t at; time_t t = time(0);
      if (t != at) { /* as every server does, it tells the time */
        struct tm g; at = t;
        hl = strftime(h, sizeof h, "HTTP/1.1 200 OK\r\ndate: %a, %d %b %Y %H:%M:%S GMT\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nserver: fake\r\ntransfer-encoding: chunked\r\n\r\n", gmtime_r(&t, &g));
      }
      put(c, h, hl);
      put_chunk(c, ": OPENROUTER PROCESSING\n\n", 25);
    }
    c->idx = 0; c->n = cfg_n; c->phase = 0; c->state = WAITING;
    c->due = now_ns() + cfg_first * 1000;
    if (c->fresh && c->due < c->born + cfg_conn * 1000) c->due = c->born + cfg_conn * 1000;
    c->fresh = 0;
    if (c->stream && cfg_first && flush_out(c) < 0) { drop(c); return; }
    hpush(c);
    return;
  }
  if (c->fresh && c->route >= 2 && c->route <= 4 && now_ns() < c->born + cfg_conn * 1000) { c->fresh = 0; c->state = WAITING; c->due = c->born + cfg_conn * 1000; hpush(c); return; }
  c->fresh = 0;
  other_answer(c);
}

static void other_answer(conn *c) {
  if (c->route == 2) answer(c, 200, "application/json", models_body, models_len);
  else if (c->route == 3) answer(c, 200, "application/json", embed_body, embed_len);
  else if (c->route == 4) { static const char b[] = "{\"data\":{\"label\":\"bench\",\"usage\":1.5,\"limit\":null,\"is_free_tier\":false,\"rate_limit\":{\"requests\":200,\"interval\":\"10s\"}}}"; answer(c, 200, "application/json", b, sizeof b - 1); }
  else if (c->route == 7) {
    static const char b[] = "{\"data\":[{\"id\":\"openai/text-embedding-3-small\",\"canonical_slug\":\"openai/text-embedding-3-small\",\"name\":\"OpenAI: Text Embedding 3 Small\",\"created\":1721260800,\"description\":\"Vectors of 1,536 numbers.\",\"context_length\":8192,\"architecture\":{\"modality\":\"text->embeddings\",\"input_modalities\":[\"text\"],\"output_modalities\":[\"embeddings\"],\"tokenizer\":\"GPT\",\"instruct_type\":null},\"pricing\":{\"prompt\":\"0.00000002\",\"completion\":\"0\"},\"top_provider\":{\"context_length\":8192,\"max_completion_tokens\":null,\"is_moderated\":false},\"per_request_limits\":null,\"supported_parameters\":[]}]}";
    answer(c, 200, "application/json", b, sizeof b - 1);
  }
  else if (c->route == 5 || c->route == 6) {
    struct rusage ru; getrusage(RUSAGE_SELF, &ru); char b[512];
    long cpu = (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000L + ru.ru_utime.tv_usec + ru.ru_stime.tv_usec;
    int k = snprintf(b, sizeof b, "{\"accepts\":%ld,\"chats\":%ld,\"open\":%ld,\"requests\":%ld,\"streams\":%ld,\"active\":%ld,\"peak_active\":%ld,\"chunks\":%ld,\"aborted\":%ld,\"last_body\":%ld,\"cpu_us\":%ld}", st_accepts, st_chats, st_open, st_requests, st_streams, st_active, st_peak, st_chunks, st_aborted, st_last_body, cpu);
    if (c->route == 6) { st_accepts = st_chats = st_requests = st_streams = st_chunks = st_aborted = st_last_body = 0; st_peak = st_active; }
    answer(c, 200, "application/json", b, k);
  } else { static const char b[] = "{\"error\":{\"message\":\"no such route\",\"code\":404}}"; answer(c, 404, "application/json", b, sizeof b - 1); }
  finish_plain(c);
}

/* one step of a due chat answer */
static void step(conn *c) {
  char b[1024]; int k;
  if (c->route != 1) { other_answer(c); return; }
  if (!c->stream) {
    size_t cap = (size_t)c->n * 96 + 1024; char *m = malloc(cap); size_t o = 0;
    o += snprintf(m, cap, "{%s,\"object\":\"chat.completion\",\"created\":1763838000,\"choices\":[{\"logprobs\":null,\"finish_reason\":\"stop\",\"native_finish_reason\":\"stop\",\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"", PRE);
    for (unsigned i = 0; i < c->n; i++) o += snprintf(m + o, cap - o, "[[t=%lld;i=%u]]%s", (long long)now_ns(), i, WORDS[i & 15]);
    o += snprintf(m + o, cap - o, "\",\"refusal\":null,\"reasoning\":null}}],\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":%u,\"total_tokens\":%u}}", c->n, c->n + 14);
    st_chunks += c->n; answer(c, 200, "application/json", m, o); free(m);
    finish_plain(c); return;
  }
  c->state = STREAMING;
  if (c->idx < c->n) {
    for (long j = 0; j < cfg_burst && c->idx < c->n; j++) { k = fmt_delta(b, sizeof b, c->idx++); put_chunk(c, b, k); st_chunks++; }
    if (c->idx >= c->n) {
      k = snprintf(b, sizeof b, "data: {%s,\"object\":\"chat.completion.chunk\",\"created\":1763838000,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"stop\",\"logprobs\":null}],\"system_fingerprint\":\"fp_34a54ae93c\"}\n\n", PRE);
      put_chunk(c, b, k);
      k = snprintf(b, sizeof b, "data: {%s,\"object\":\"chat.completion.chunk\",\"created\":1763838000,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null,\"native_finish_reason\":null,\"logprobs\":null}],\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":%u,\"total_tokens\":%u}}\n\n", PRE, c->n, c->n + 14);
      put_chunk(c, b, k);
      put_chunk(c, "data: [DONE]\n\n", 14);
      put(c, "0\r\n\r\n", 5); c->phase = 9;
    }
  }
  int r = flush_out(c);
  if (r < 0) { drop(c); return; }
  if (r == 0) return; /* goes on when writable */
  if (c->phase == 9) { st_active--; c->state = RD_HDR; if (!c->keepalive) { drop(c); return; } next_request(c); return; }
  int64_t d = cfg_delay * 1000;
  if (d && cfg_jit) d += (int64_t)(((double)(rnd() % 20001) / 10000.0 - 1.0) * cfg_jit / 100.0 * d);
  int64_t t = now_ns();
  c->due += d; if (c->due < t - 50000000LL || !d) c->due = t; /* do not race to catch up after a long stall */
  hpush(c);
}

static int find_stream(conn *c, const char *p, size_t n) {
  /* looks for "stream":true with optional spaces, across block borders */
  char w[96]; size_t m = n < 48 ? n : 48; size_t tl = c->taillen;
  memcpy(w, c->tail, tl); memcpy(w + tl, p, m);
  for (int part = 0; part < 2; part++) {
    const char *s = part ? p : w; size_t len = part ? n : tl + m; const char *e = s + len;
    while (s < e && (s = memmem(s, e - s, "\"stream\"", 8))) { const char *q = s + 8; while (q < e && (*q == ' ' || *q == ':')) q++; if (e - q >= 4 && !memcmp(q, "true", 4)) return 1; s += 8; }
  }
  if (n >= sizeof c->tail) { memcpy(c->tail, p + n - sizeof c->tail, sizeof c->tail); c->taillen = sizeof c->tail; }
  else { size_t keep = tl + n > sizeof c->tail ? sizeof c->tail - n : tl; memmove(c->tail, c->tail + tl - keep, keep); memcpy(c->tail + keep, p, n); c->taillen = keep + n; }
  return 0;
}

/* eats body bytes; returns how many were used; sets body_left to 0 at the end */
static size_t eat_body(conn *c, const char *p, size_t n) {
  size_t used = 0;
  if (!c->chunked) { size_t k = n < (size_t)c->body_left ? n : (size_t)c->body_left; if (!c->stream) c->stream = find_stream(c, p, k); c->body_left -= k; c->body_len += k; return k; }
  while (used < n && c->body_left) {
    switch (c->ck_state) {
    case 0: { char ch = p[used++]; if (isxdigit((unsigned char)ch)) c->ck_left = c->ck_left * 16 + (ch <= '9' ? ch - '0' : (ch | 32) - 'a' + 10); else if (ch == '\n') c->ck_state = c->ck_left ? 1 : 3; break; }
    case 1: { size_t k = n - used < c->ck_left ? n - used : c->ck_left; if (!c->stream) c->stream = find_stream(c, p + used, k); used += k; c->body_len += k; c->ck_left -= k; if (!c->ck_left) c->ck_state = 2; break; }
    case 2: if (p[used++] == '\n') c->ck_state = 0; break;
    case 3: if (p[used++] == '\n') c->body_left = 0; break;
    }
  }
  return used;
}

static void parse(conn *c) {
  for (;;) {
    if (c->state == RD_HDR) {
      char *e = c->inlen ? memmem(c->in, c->inlen, "\r\n\r\n", 4) : 0;
      if (!e) { if (c->inlen >= HDRMAX - 1) drop(c); return; }
      *e = 0; size_t hl = e + 4 - c->in;
      c->body_left = 0; c->chunked = 0; c->keepalive = 1; c->stream = 0; c->taillen = 0; c->body_len = 0; c->ck_state = 0; c->ck_left = 0; c->route = 0;
      char *eol = strstr(c->in, "\r\n"); if (!eol) eol = e;
      int expect = 0;
      for (char *l = eol; l && l < e; l = strstr(l + 2, "\r\n")) {
        char *h = l + 2;
        if (!strncasecmp(h, "content-length:", 15)) c->body_left = atol(h + 15);
        else if (!strncasecmp(h, "transfer-encoding:", 18)) { c->chunked = 1; c->body_left = 1; }
        else if (!strncasecmp(h, "connection: close", 17)) c->keepalive = 0;
        else if (!strncasecmp(h, "expect: 100", 11)) expect = 1;
      }
      *eol = 0; char *path = strchr(c->in, ' '); char *end = path ? strchr(path + 1, ' ') : 0;
      if (!end) { drop(c); return; }
      path++; *end = 0;
      char *q = strchr(path, '?'); size_t pl = q ? (size_t)(q - path) : strlen(path);
#define ENDS(s) (pl >= sizeof(s) - 1 && !memcmp(path + pl - (sizeof(s) - 1), s, sizeof(s) - 1))
      if (ENDS("/chat/completions")) c->route = 1;
      else if (ENDS("/embeddings/models")) c->route = 7;
      else if (ENDS("/models")) c->route = 2;
      else if (ENDS("/embeddings")) c->route = 3;
      else if (ENDS("/key")) c->route = 4;
      else if (ENDS("/__stats")) c->route = q && strstr(q, "reset=1") ? 6 : 5;
      else if (ENDS("/__config")) {
        c->route = 5;
        if (q) { cfg_n = qval(q + 1, "n", cfg_n); cfg_delay = qval(q + 1, "delay_us", cfg_delay); cfg_first = qval(q + 1, "first_us", cfg_first); cfg_burst = qval(q + 1, "burst", cfg_burst); cfg_jit = qval(q + 1, "jitter_pct", cfg_jit); cfg_conn = qval(q + 1, "conn_us", cfg_conn); if (cfg_burst < 1) cfg_burst = 1; if (cfg_n < 1) cfg_n = 1; }
      }
      c->inlen -= hl; memmove(c->in, c->in + hl, c->inlen);
      if (expect && send(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL) < 0) { drop(c); return; }
      c->state = RD_BODY;
    }
    if (c->state == RD_BODY) {
      if (c->body_left && c->inlen) { size_t u = eat_body(c, c->in, c->inlen); c->inlen -= u; memmove(c->in, c->in + u, c->inlen); }
      if (c->body_left) return;
      start_answer(c); return;
    }
    return;
  }
}
static void next_request(conn *c) { if (c->inlen) parse(c); }

static void on_read(conn *c) {
  static char big[1 << 18];
  for (int round = 0; round < 8; round++) {
    if (c->state == RD_BODY && !c->inlen) {
      ssize_t k = recv(c->fd, big, sizeof big, 0);
      if (k == 0 || (k < 0 && errno != EAGAIN)) { drop(c); return; }
      if (k < 0) return;
      size_t u = eat_body(c, big, k);
      if (u < (size_t)k && k - u < HDRMAX) { memcpy(c->in, big + u, k - u); c->inlen = k - u; }
      if (!c->body_left) { start_answer(c); return; }
      continue;
    }
    if (c->inlen >= HDRMAX - 1) return;
    ssize_t k = recv(c->fd, c->in + c->inlen, HDRMAX - 1 - c->inlen, 0);
    if (k == 0 || (k < 0 && errno != EAGAIN)) { drop(c); return; }
    if (k < 0) return;
    c->inlen += k;
    if (c->state == RD_HDR || c->state == RD_BODY) { int fd = c->fd; parse(c); if (C[fd] != c) return; }
    if (c->state != RD_BODY) return;
  }
}

static void build_models(void) {
  static const char *V[] = {"openai", "anthropic", "google", "meta-llama", "mistralai", "qwen", "deepseek", "x-ai", "cohere", "nvidia"};
  static const char *B[] = {"gpt", "claude", "gemini", "llama", "mistral", "qwen", "deepseek", "grok", "command", "nemotron"};
  size_t cap = 2 << 20, o = 0; char *m = malloc(cap);
  o += snprintf(m + o, cap - o, "{\"data\":[");
  for (int i = 0; i < 400; i++) {
    char id[128], name[128];
    if (i == 0) { strcpy(id, "openai/gpt-4o-mini"); strcpy(name, "OpenAI: GPT-4o-mini"); }
    else { int v = i % 10; snprintf(id, sizeof id, "%s/%s-%d.%d-%db%s", V[v], B[v], i / 40 + 1, i % 7, 7 + i % 64, i % 9 ? "" : ":free"); snprintf(name, sizeof name, "%s: %s %d.%d %dB%s", V[v], B[v], i / 40 + 1, i % 7, 7 + i % 64, i % 9 ? "" : " (free)"); }
    o += snprintf(m + o, cap - o,
      "%s{\"id\":\"%s\",\"canonical_slug\":\"%s-2025-0%d-1%d\",\"hugging_face_id\":\"\",\"name\":\"%s\",\"created\":%d,"
      "\"description\":\"%s is a general-purpose language model tuned for dialogue, tool use and code. It accepts long prompts, follows instructions closely, and balances quality against price; see the provider\\u2019s page for benchmarks and terms. It was trained on a broad mix of text and code in many languages, supports structured output, and is served by several providers with automatic fallback. Number %d in the catalogue.\","
      "\"context_length\":%d,\"architecture\":{\"modality\":\"text%s->text\",\"input_modalities\":[\"text\"%s],\"output_modalities\":[\"text\"],\"tokenizer\":\"GPT\",\"instruct_type\":null},"
      "\"pricing\":{\"prompt\":\"0.00000015\",\"completion\":\"0.0000006\",\"request\":\"0\",\"image\":\"0.000217\",\"web_search\":\"0\",\"internal_reasoning\":\"0\",\"input_cache_read\":\"0.000000075\"},"
      "\"top_provider\":{\"context_length\":%d,\"max_completion_tokens\":16384,\"is_moderated\":true},\"per_request_limits\":null,"
      "\"supported_parameters\":[\"max_tokens\",\"temperature\",\"top_p\",\"stop\",\"frequency_penalty\",\"presence_penalty\",\"seed\",\"logit_bias\",\"logprobs\",\"top_logprobs\",\"response_format\",\"structured_outputs\",\"tools\",\"tool_choice\"]}",
      i ? "," : "", id, id, i % 9 + 1, i % 10, name, 1721260800 + i * 86400, name, i, i % 3 ? 131072 : 32768, i % 2 ? "" : "+image", i % 2 ? "" : ",\"image\"", i % 3 ? 131072 : 32768);
  }
  o += snprintf(m + o, cap - o, "]}");
  models_body = m; models_len = o;
  char *e = malloc(64 << 10); size_t p = 0;
  p += sprintf(e + p, "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[");
  for (int i = 0; i < 1536; i++) p += sprintf(e + p, "%s%.9f", i ? "," : "", ((double)(rnd() % 2000001) - 1000000) / 25000000.0);
  p += sprintf(e + p, "]}],\"model\":\"openai/text-embedding-3-small\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
  embed_body = e; embed_len = p;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); build_models();
  struct rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
  lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); int one = 1; setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(lfd, (void *)&a, sizeof a) || listen(lfd, 4096)) { perror("listen"); return 1; }
  socklen_t al = sizeof a; getsockname(lfd, (void *)&a, &al); printf("PORT %d\n", ntohs(a.sin_port)); fflush(stdout);
  ep = epoll_create1(0); struct epoll_event e = {.events = EPOLLIN, .data.fd = lfd}; epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &e);
  static struct epoll_event ev[1024];
  for (;;) {
    struct timespec ts, *tp = 0;
    if (hn) { int64_t d = H[0]->due - now_ns(); if (d < 0) d = 0; ts.tv_sec = d / 1000000000; ts.tv_nsec = d % 1000000000; tp = &ts; }
    int k = epoll_pwait2(ep, ev, 1024, tp, 0);
    for (int i = 0; i < k; i++) {
      int fd = ev[i].data.fd;
      if (fd == lfd) {
        for (int g = 0; g < 256; g++) {
          int s = accept4(lfd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC); if (s < 0) break;
          if (s >= MAXFD) { close(s); continue; }
          setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          conn *c = calloc(1, sizeof *c); c->fd = s; c->heap = -1; c->fresh = 1; c->born = now_ns(); c->in = malloc(HDRMAX); C[s] = c; st_accepts++; st_open++;
          struct epoll_event x = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = s}; epoll_ctl(ep, EPOLL_CTL_ADD, s, &x);
        }
        continue;
      }
      conn *c = C[fd]; if (!c) continue;
      if (ev[i].events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) { if (c->state == STREAMING || c->state == WAITING || !(ev[i].events & EPOLLIN)) { drop(c); continue; } }
      if ((ev[i].events & EPOLLOUT) && c->want_out) {
        int r = flush_out(c);
        if (r < 0) { drop(c); continue; }
        if (r == 1 && c->state == STREAMING) {
          if (c->phase == 9) { if (c->route == 1 && c->stream) st_active--; c->state = RD_HDR; if (!c->keepalive) { drop(c); continue; } next_request(c); if (C[fd] != c) continue; }
          else if (c->heap < 0) { c->due = now_ns(); hpush(c); }
        }
      }
      if (ev[i].events & EPOLLIN) on_read(c);
    }
    int64_t t = now_ns();
    for (int g = 0; g < 64 && hn && H[0]->due <= t; g++) { conn *c = H[0]; hdel(c); step(c); }
  }
}
