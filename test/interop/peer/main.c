/* rxpeer: an rxperf server and client on OpenAFS's Rx library, with extras for interoperation tests. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <afs/param.h> /* its attribute macros must be known to the headers below */
#include <rx/rx.h>
#include <rx/rx_globals.h>

#include "rxpeer.h"

static const char usage[] =
    "usage: rxpeer server [--host 127.0.0.1] [--port 0] [--verify] [--check-reach] [--procs 16]\n"
    "                     [--window W] [--nojumbo] [--dead-time S] [--udp-buffer KIB] [--no-stdin]\n"
    "       rxpeer client --port P [--host 127.0.0.1] --op rpc|send|recv|echo|abort|sleep\n"
    "                     [--bytes N | --send N --recv N] [--calls N] [--seconds S] [--threads T] [--conns C]\n"
    "                     [--verify] [--cookie] [--sleep-ms MS] [--abort-code CODE] [--abort-after-bytes N]\n"
    "                     [--die-after-bytes N] [--dead-time S] [--window W] [--nojumbo] [--udp-buffer KIB]\n"
    "                     [--linger-ms MS] [--interval]\n";

static void die_usage(const char *why, const char *what)
{
    fprintf(stderr, "rxpeer: %s%s%s\n%s", why, what ? " " : "", what ? what : "", usage);
    exit(2);
}

static long long number(const char *name, const char *text, long long min, long long max)
{
    char *end;
    long long value = strtoll(text, &end, 0);
    if (*text == '\0' || *end != '\0' || value < min || value > max) {
        fprintf(stderr, "rxpeer: --%s expects a whole number from %lld to %lld, got \"%s\"\n", name, min, max, text);
        exit(2);
    }
    return value;
}

static enum opcode opcode_of(const char *name)
{
    static const struct { const char *name; enum opcode op; } table[] = {
        { "send", OP_SEND }, { "recv", OP_RECV }, { "rpc", OP_RPC },
        { "abort", OP_ABORT }, { "sleep", OP_SLEEP }, { "echo", OP_ECHO },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(name, table[i].name) == 0)
            return table[i].op;
    die_usage("unknown operation", name);
    return OP_RPC;
}

enum option_id {
    HOST, PORT, VERIFY, CHECK_REACH, PROCS, WINDOW, NO_JUMBO, DEAD_TIME, UDP_BUFFER, NO_STDIN, OP, BYTES, SEND, RECV,
    CALLS, SECONDS, THREADS, CONNS, COOKIE, SLEEP_MS, ABORT_CODE, ABORT_AFTER, DIE_AFTER, LINGER_MS, INTERVAL
};

static const struct option long_options[] = {
    { "host", 1, NULL, HOST }, { "port", 1, NULL, PORT }, { "verify", 0, NULL, VERIFY },
    { "check-reach", 0, NULL, CHECK_REACH }, { "procs", 1, NULL, PROCS }, { "window", 1, NULL, WINDOW },
    { "nojumbo", 0, NULL, NO_JUMBO }, { "dead-time", 1, NULL, DEAD_TIME }, { "udp-buffer", 1, NULL, UDP_BUFFER },
    { "no-stdin", 0, NULL, NO_STDIN }, { "op", 1, NULL, OP }, { "bytes", 1, NULL, BYTES }, { "send", 1, NULL, SEND },
    { "recv", 1, NULL, RECV }, { "calls", 1, NULL, CALLS }, { "seconds", 1, NULL, SECONDS },
    { "threads", 1, NULL, THREADS }, { "conns", 1, NULL, CONNS }, { "cookie", 0, NULL, COOKIE },
    { "sleep-ms", 1, NULL, SLEEP_MS }, { "abort-code", 1, NULL, ABORT_CODE },
    { "abort-after-bytes", 1, NULL, ABORT_AFTER }, { "die-after-bytes", 1, NULL, DIE_AFTER },
    { "linger-ms", 1, NULL, LINGER_MS }, { "interval", 0, NULL, INTERVAL }, { NULL, 0, NULL, 0 },
};

static void parse(int argc, char **argv, struct options *o)
{
    int id, index;
    while ((id = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        const char *name = id == '?' ? "" : long_options[index].name;
        switch (id) {
        case HOST: o->host = optarg; break;
        case PORT: o->port = (int)number(name, optarg, 0, 65535); break;
        case VERIFY: o->verify = 1; break;
        case CHECK_REACH: o->check_reach = 1; break;
        case PROCS: o->procs = (int)number(name, optarg, 1, 1000); break;
        case WINDOW: o->window = (int)number(name, optarg, 1, 255); break;
        case NO_JUMBO: o->no_jumbo = 1; break;
        case DEAD_TIME: o->dead_time = (int)number(name, optarg, 1, 86400); break;
        case UDP_BUFFER: o->udp_buffer_kib = (int)number(name, optarg, 1, 1 << 20); break;
        case NO_STDIN: o->ignore_stdin = 1; break;
        case OP: o->op = opcode_of(optarg); break;
        case BYTES: o->send_bytes = o->recv_bytes = (uint32_t)number(name, optarg, 0, UINT32_MAX); break;
        case SEND: o->send_bytes = (uint32_t)number(name, optarg, 0, UINT32_MAX); break;
        case RECV: o->recv_bytes = (uint32_t)number(name, optarg, 0, UINT32_MAX); break;
        case CALLS: o->calls = (long)number(name, optarg, 1, INT32_MAX); break;
        case SECONDS: o->seconds = atof(optarg); break;
        case THREADS: o->threads = (int)number(name, optarg, 1, 1024); break;
        case CONNS: o->conns = (int)number(name, optarg, 1, 1024); break;
        case COOKIE: o->trailing_cookie = 1; break;
        case SLEEP_MS: o->sleep_ms = (uint32_t)number(name, optarg, 0, UINT32_MAX); break;
        case ABORT_CODE: o->abort_code = (int32_t)number(name, optarg, INT32_MIN, INT32_MAX); break;
        case ABORT_AFTER: o->abort_after = number(name, optarg, 0, UINT32_MAX); break;
        case DIE_AFTER: o->die_after = number(name, optarg, 0, UINT32_MAX); break;
        case LINGER_MS: o->linger_ms = (int)number(name, optarg, 0, 3600000); break;
        case INTERVAL: o->interval = 1; break;
        default: die_usage("bad option", NULL);
        }
    }
    if (optind < argc)
        die_usage("unexpected argument", argv[optind]);
}

void apply_early_options(const struct options *o)
{
    if (o->udp_buffer_kib)
        rx_SetUdpBufSize(o->udp_buffer_kib * 1024);
    if (o->no_jumbo)
        rx_SetNoJumbo();
    if (o->dead_time)
        rx_SetRxDeadTime(o->dead_time);
}

void apply_late_options(const struct options *o)
{
    if (o->window) {
        rx_SetMaxReceiveWindow(o->window);
        rx_SetMaxSendWindow(o->window);
    }
}

int main(int argc, char **argv)
{
    struct options o = {
        .host = "127.0.0.1", .procs = 16, .op = OP_RPC, .send_bytes = 128, .recv_bytes = 128,
        .threads = 1, .conns = 1, .abort_code = 4242, .abort_after = -1, .die_after = -1,
    };
    if (argc < 2)
        die_usage("server or client?", NULL);
    if (strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    parse(argc - 1, argv + 1, &o);
    payload_init();
    if (strcmp(argv[1], "server") == 0)
        return run_server(&o);
    if (strcmp(argv[1], "client") == 0)
        return run_client(&o);
    die_usage("unknown mode", argv[1]);
    return 2;
}
