/* The server: rxperf's SEND, RECV and RPC, and ABORT, SLEEP and ECHO for tests. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <afs/param.h> /* its attribute macros must be known to the headers below */
#include <rx/rx.h>
#include <rx/rx_globals.h>
#include <rx/rx_null.h>

#include "rxpeer.h"

/* What rxperf's server answers to anything that it does not like. */
enum { REFUSED = -1 };

static const struct options *options;
static atomic_ulong calls_served, calls_refused;

/* Scratch memory of a server thread, kept from call to call. */
static __thread char *scratch;
static __thread size_t scratch_size;

static char *scratch_of(size_t size)
{
    if (size > scratch_size) {
        free(scratch);
        scratch = malloc(size);
        scratch_size = scratch ? size : 0;
    }
    return scratch;
}

static int read_words(struct rx_call *call, uint32_t *words, int count)
{
    int size = count * 4;
    if (rx_Read(call, (char *)words, size) != size)
        return 0;
    for (int i = 0; i < count; i++)
        words[i] = ntohl(words[i]);
    return 1;
}

static int read_payload(struct rx_call *call, uint32_t bytes)
{
    char *buffer = scratch_of(CHUNK + 4);
    for (uint32_t at = 0; at < bytes;) {
        int want = bytes - at < CHUNK ? (int)(bytes - at) : CHUNK;
        if (rx_Read(call, buffer, want) != want)
            return REFUSED;
        if (options->verify && memcmp(buffer, payload_at(at, 1), want) != 0)
            return ABORT_WRONG_PAYLOAD;
        at += want;
    }
    return 0;
}

/*
 * Writes `bytes` of `data`, or of payload if that is NULL, and the cookie behind them. `data` must have room
 * for the cookie, so that the end of a reply, and the whole of a small one, is a single write.
 */
static int write_reply(struct rx_call *call, char *data, uint32_t bytes)
{
    const uint32_t cookie = htonl(RXPERF_COOKIE);
    uint32_t at = 0;
    for (; bytes - at >= CHUNK; at += CHUNK)
        if (rx_Write(call, data ? data + at : payload_at(at, options->verify), CHUNK) != CHUNK)
            return REFUSED;
    int rest = (int)(bytes - at);
    char *tail = data ? data + at : scratch_of(CHUNK + 4);
    if (data == NULL)
        memcpy(tail, payload_at(at, options->verify), rest);
    memcpy(tail + rest, &cookie, 4);
    return rx_Write(call, tail, rest + 4) == rest + 4 ? 0 : REFUSED;
}

static int serve_echo(struct rx_call *call, uint32_t bytes)
{
    if (bytes > ECHO_MAX)
        return REFUSED;
    char *data = scratch_of((size_t)bytes + 4);
    if (data == NULL || rx_Read(call, data, (int)bytes) != (int)bytes)
        return REFUSED;
    return write_reply(call, data, bytes);
}

static int serve_sleep(struct rx_call *call, uint32_t ms)
{
    struct timespec left = { ms / 1000, (long)(ms % 1000) * 1000000 };
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    return write_reply(call, NULL, 0);
}

static int serve(struct rx_call *call)
{
    uint32_t head[5], reply_bytes; /* version, opcode, read_size, write_size, first argument */
    int code;
    if (!read_words(call, head, 5))
        return REFUSED;
    if (head[0] != RXPERF_VERSION || head[2] > RXPERF_BUFFER || head[3] > RXPERF_BUFFER)
        return REFUSED;
    switch (head[1]) {
    case OP_SEND:
        code = read_payload(call, head[4]);
        return code ? code : write_reply(call, NULL, 0);
    case OP_RECV:
        return write_reply(call, NULL, head[4]);
    case OP_RPC:
        if (!read_words(call, &reply_bytes, 1))
            return REFUSED;
        code = read_payload(call, head[4]);
        return code ? code : write_reply(call, NULL, reply_bytes);
    case OP_ABORT:
        return (int32_t)head[4];
    case OP_SLEEP:
        return serve_sleep(call, head[4]);
    case OP_ECHO:
        return serve_echo(call, head[4]);
    default:
        return REFUSED;
    }
}

static afs_int32 execute(struct rx_call *call)
{
    int code = serve(call);
    atomic_fetch_add_explicit(code ? &calls_refused : &calls_served, 1, memory_order_relaxed);
    return code;
}

/* Returns when a signal asks to stop or, unless told otherwise, when stdin ends: the parent is gone then. */
static void wait_for_stop(int signals)
{
    struct pollfd fds[2] = { { .fd = signals, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
    for (;;) {
        if (poll(fds, options->ignore_stdin ? 1 : 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[0].revents)
            return;
        char skipped[256];
        if (!options->ignore_stdin && fds[1].revents && read(STDIN_FILENO, skipped, sizeof skipped) <= 0)
            return;
    }
}

int run_server(const struct options *o)
{
    options = o;
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    /* Blocked before the library makes its threads, which inherit the mask: only the descriptor sees them. */
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    int signals = signalfd(-1, &stop, 0);

    apply_early_options(o);
    if (rx_InitHost(inet_addr(o->host), htons(o->port)) != 0) {
        fprintf(stderr, "rxpeer: cannot bind %s port %d\n", o->host, o->port);
        return 1;
    }
    apply_late_options(o);
    struct rx_securityClass *null = rxnull_NewServerSecurityObject();
    struct rx_service *service = rx_NewService(0, SERVICE_ID, "rxperf", &null, 1, execute);
    if (service == NULL) {
        fprintf(stderr, "rxpeer: cannot make the service\n");
        return 1;
    }
    rx_SetMinProcs(service, o->procs);
    rx_SetMaxProcs(service, o->procs);
    rx_SetCheckReach(service, o->check_reach);
    if (o->dead_time)
        service->connDeadTime = o->dead_time;
    rx_StartServer(0);

    struct sockaddr_in bound;
    socklen_t length = sizeof bound;
    getsockname(rx_socket, (struct sockaddr *)&bound, &length);
    printf("listening %d\n", ntohs(bound.sin_port));
    fflush(stdout);

    wait_for_stop(signals);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("{\"served\":%lu,\"refused\":%lu,\"cpuUserUs\":%lld,\"cpuSystemUs\":%lld}\n",
           atomic_load(&calls_served), atomic_load(&calls_refused),
           use.ru_utime.tv_sec * 1000000LL + use.ru_utime.tv_usec,
           use.ru_stime.tv_sec * 1000000LL + use.ru_stime.tv_usec);
    fflush(stdout);
    /* Server threads may be inside a call; the library offers no way to wait for them that always ends. */
    _exit(0);
}
