/* The client: threads that make calls on shared connections, and one line of JSON about how it went. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <afs/param.h> /* its attribute macros must be known to the headers below */
#include <rx/rx.h>
#include <rx/rx_globals.h>
#include <rx/rx_null.h>

#include "rxpeer.h"

/* Failures that the client finds itself, beside the library's and the server's codes. */
enum failure { NONE, WRONG_PAYLOAD, WRONG_COOKIE, SHORT_REPLY, LONG_REPLY, FAILURES };
static const char *const failure_names[FAILURES] = { "", "payload", "cookie", "short", "long" };

/* Latencies by powers of two of microseconds, each cut into 32: at most 3 % off, and nothing to allocate. */
enum { SUB_BITS = 5, SUBS = 1 << SUB_BITS, BUCKETS = SUBS * 40, CODES_MAX = 32 };

struct worker {
    pthread_t thread;
    struct rx_connection *conn;
    char *buffer;
    atomic_ulong ok;
    unsigned long failed;
    uint64_t bytes_in, bytes_out;
    unsigned long failures[FAILURES];
    struct { int32_t code; unsigned long count; } codes[CODES_MAX];
    uint32_t latencies[BUCKETS];
};

static const struct options *options;
static struct worker *workers;
static atomic_int running;
static uint64_t started_ns, deadline_ns;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static unsigned bucket_of(uint64_t us)
{
    if (us < SUBS)
        return (unsigned)us;
    unsigned shift = 63 - (unsigned)__builtin_clzll(us) - SUB_BITS;
    unsigned bucket = (shift + 1) * SUBS + (unsigned)((us >> shift) - SUBS);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t bucket_start_us(unsigned bucket)
{
    if (bucket < SUBS)
        return bucket;
    return (uint64_t)(SUBS + bucket % SUBS) << (bucket / SUBS - 1);
}

static void count_code(struct worker *w, int32_t code, unsigned long count)
{
    int i = 0;
    while (i < CODES_MAX - 1 && w->codes[i].count && w->codes[i].code != code)
        i++;
    w->codes[i].code = code;
    w->codes[i].count += count;
}

static uint64_t percentile_us(const uint64_t *latencies, uint64_t total, double share)
{
    uint64_t rank = (uint64_t)(share * (double)total), seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        if ((seen += latencies[i]) > rank)
            return bucket_start_us(i);
    return 0;
}

static void print_errors(void)
{
    struct worker all = { 0 };
    const char *comma = "";
    for (int i = 0; i < options->threads; i++) {
        for (int f = 1; f < FAILURES; f++)
            all.failures[f] += workers[i].failures[f];
        for (int c = 0; c < CODES_MAX && workers[i].codes[c].count; c++)
            count_code(&all, workers[i].codes[c].code, workers[i].codes[c].count);
    }
    printf("\"errors\":{");
    for (int c = 0; c < CODES_MAX && all.codes[c].count; c++, comma = ",")
        printf("%s\"%d\":%lu", comma, all.codes[c].code, all.codes[c].count);
    for (int f = 1; f < FAILURES; f++)
        if (all.failures[f]) {
            printf("%s\"%s\":%lu", comma, failure_names[f], all.failures[f]);
            comma = ",";
        }
    printf("}");
}

/* Returns the number of failed calls. */
static unsigned long print_result(void)
{
    double seconds = (double)(now_ns() - started_ns) / 1e9;
    static uint64_t latencies[BUCKETS];
    unsigned long ok = 0, failed = 0;
    uint64_t in = 0, out = 0;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    for (int i = 0; i < options->threads; i++) {
        ok += workers[i].ok;
        failed += workers[i].failed;
        in += workers[i].bytes_in;
        out += workers[i].bytes_out;
        for (int b = 0; b < BUCKETS; b++)
            latencies[b] += workers[i].latencies[b];
    }
    printf("{\"ok\":%lu,\"failed\":%lu,\"calls\":%lu,\"seconds\":%.6f,\"callsPerSecond\":%.1f,\"mbitPerSecond\":%.2f,",
           ok, failed, ok + failed, seconds, ok / seconds, (double)(in + out) * 8 / 1e6 / seconds);
    printf("\"bytesIn\":%llu,\"bytesOut\":%llu,", (unsigned long long)in, (unsigned long long)out);
    print_errors();
    printf(",\"p50us\":%llu,\"p99us\":%llu,\"p999us\":%llu,\"cpuUserUs\":%lld,\"cpuSystemUs\":%lld}\n",
           (unsigned long long)percentile_us(latencies, ok, 0.5), (unsigned long long)percentile_us(latencies, ok, 0.99),
           (unsigned long long)percentile_us(latencies, ok, 0.999),
           use.ru_utime.tv_sec * 1000000LL + use.ru_utime.tv_usec,
           use.ru_stime.tv_sec * 1000000LL + use.ru_stime.tv_usec);
    fflush(stdout);
    return failed;
}

/* How much of the request's payload to write before the call is left; negative: all of it, and no leaving. */
static int64_t leave_after(void)
{
    return options->die_after >= 0 ? options->die_after : options->abort_after;
}

/* Words of the request and `bytes` of payload. 1 = written, 0 = the call is to be aborted, -1 = it failed. */
static int write_request(struct worker *w, struct rx_call *call, uint32_t bytes)
{
    uint32_t head[6] = { RXPERF_VERSION, options->op, RXPERF_BUFFER, RXPERF_BUFFER, 0, options->recv_bytes };
    int words = options->op == OP_RPC ? 6 : 5;
    switch (options->op) {
    case OP_RECV: head[4] = options->recv_bytes; break;
    case OP_ABORT: head[4] = (uint32_t)options->abort_code; break;
    case OP_SLEEP: head[4] = options->sleep_ms; break;
    default: head[4] = bytes; break;
    }
    for (int i = 0; i < words; i++)
        head[i] = htonl(head[i]);

    int64_t leave = leave_after();
    int leaves = leave >= 0;
    uint32_t limit = leaves && leave < bytes ? (uint32_t)leave : bytes;
    /* The words and the first payload go in one write: a small request is one packet and one copy. */
    int filled = words * 4;
    memcpy(w->buffer, head, filled);
    uint32_t at = limit < CHUNK ? limit : CHUNK;
    memcpy(w->buffer + filled, payload_at(0, options->verify), at);
    filled += (int)at;
    if (rx_Write(call, w->buffer, filled) != filled)
        return -1;
    while (at < limit) {
        int n = limit - at < CHUNK ? (int)(limit - at) : CHUNK;
        if (rx_Write(call, payload_at(at, options->verify), n) != n)
            return -1;
        at += (uint32_t)n;
    }
    if (options->trailing_cookie && !leaves) {
        uint32_t cookie = htonl(RXPERF_COOKIE);
        if (rx_Write(call, (char *)&cookie, 4) != 4)
            return -1;
    }
    w->bytes_out += at;
    if (!leaves)
        return 1;
    rx_FlushWrite(call);
    if (options->die_after >= 0) {
        print_result();
        _exit(0);
    }
    return 0;
}

static enum failure read_reply(struct worker *w, struct rx_call *call, uint32_t bytes)
{
    int check = options->verify || options->op == OP_ECHO;
    int pattern = options->verify;
    uint32_t at = 0, cookie;
    for (int last = 0; !last;) {
        last = bytes - at <= CHUNK;
        /* The cookie is read together with the last of the payload. */
        int n = last ? (int)(bytes - at) : CHUNK;
        int want = last ? n + 4 : n;
        if (rx_Read(call, w->buffer, want) != want)
            return SHORT_REPLY;
        if (check && memcmp(w->buffer, payload_at(at, pattern), n) != 0)
            return WRONG_PAYLOAD;
        at += (uint32_t)n;
        if (last)
            memcpy(&cookie, w->buffer + n, 4);
    }
    w->bytes_in += bytes;
    if (ntohl(cookie) != RXPERF_COOKIE)
        return WRONG_COOKIE;
    if (options->verify && rx_Read(call, w->buffer, 1) != 0)
        return LONG_REPLY;
    return NONE;
}

static void make_call(struct worker *w)
{
    int sends = options->op == OP_SEND || options->op == OP_RPC || options->op == OP_ECHO;
    int receives = options->op == OP_RECV || options->op == OP_RPC || options->op == OP_ECHO;
    uint32_t request = sends ? options->send_bytes : 0;
    uint32_t reply = !receives ? 0 : options->op == OP_ECHO ? options->send_bytes : options->recv_bytes;
    enum failure failure = NONE;
    uint64_t started = now_ns();
    struct rx_call *call = rx_NewCall(w->conn);
    int written = write_request(w, call, request);
    if (written == 1)
        failure = read_reply(w, call, reply);
    int32_t code = rx_EndCall(call, written == 0 ? options->abort_code : 0);
    if (code == 0 && failure == NONE && written == 1) {
        w->latencies[bucket_of((now_ns() - started) / 1000)]++;
        atomic_fetch_add_explicit(&w->ok, 1, memory_order_relaxed);
        return;
    }
    w->failed++;
    if (code != 0)
        count_code(w, code, 1);
    else
        w->failures[failure == NONE ? SHORT_REPLY : failure]++;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    for (long i = 0; options->calls == 0 || i < options->calls; i++) {
        if (deadline_ns && now_ns() >= deadline_ns)
            break;
        make_call(w);
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

static void show_progress(void)
{
    unsigned long before = 0;
    for (int second = 1; atomic_load(&running) > 0; second++) {
        unsigned long total = 0;
        sleep(1);
        for (int i = 0; i < options->threads; i++)
            total += atomic_load(&workers[i].ok);
        fprintf(stderr, "%d s: %lu calls\n", second, total - before);
        before = total;
    }
}

int run_client(const struct options *o)
{
    struct options settled = *o;
    if (settled.calls == 0 && settled.seconds <= 0)
        settled.calls = 1;
    options = &settled;
    if (o->port == 0) {
        fprintf(stderr, "rxpeer: a client needs --port\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    apply_early_options(o);
    /* Bound to loopback if that is where the server is, so that nothing listens on other addresses. */
    in_addr_t host = inet_addr(o->host);
    if (rx_InitHost(rx_IsLoopbackAddr(ntohl(host)) ? htonl(INADDR_LOOPBACK) : htonl(INADDR_ANY), 0) != 0) {
        fprintf(stderr, "rxpeer: cannot start the library\n");
        return 1;
    }
    apply_late_options(o);

    struct rx_securityClass *null = rxnull_NewClientSecurityObject();
    struct rx_connection **conns = calloc((size_t)o->conns, sizeof *conns);
    workers = calloc((size_t)o->threads, sizeof *workers);
    for (int i = 0; i < o->conns; i++) {
        conns[i] = rx_NewConnection(host, htons(o->port), SERVICE_ID, null, 0);
        if (o->dead_time)
            rx_SetConnDeadTime(conns[i], o->dead_time);
    }
    started_ns = now_ns();
    if (o->seconds > 0)
        deadline_ns = started_ns + (uint64_t)(o->seconds * 1e9);
    atomic_store(&running, o->threads);
    for (int i = 0; i < o->threads; i++) {
        workers[i].conn = conns[i % o->conns];
        workers[i].buffer = malloc(CHUNK + 64);
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    if (o->interval)
        show_progress();
    for (int i = 0; i < o->threads; i++)
        pthread_join(workers[i].thread, NULL);
    unsigned long failed = print_result();

    if (o->linger_ms)
        usleep((useconds_t)o->linger_ms * 1000);
    /* Destroying a connection sends the acknowledgement that its last call may still owe. */
    for (int i = 0; i < o->conns; i++)
        rx_DestroyConnection(conns[i]);
    _exit(failed ? 3 : 0);
}
