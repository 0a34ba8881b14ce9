/* What the parts of rxpeer share: the payload pattern, the opcodes and the options of both modes. */
#ifndef RXPEER_H
#define RXPEER_H

#include <stddef.h>
#include <stdint.h>

enum {
    SERVICE_ID = 147,
    RXPERF_VERSION = 3,
    RXPERF_COOKIE = 0x4711,
    RXPERF_BUFFER = 524288, /* read_size and write_size of a request; also its limit */
    CHUNK = 65536,          /* most bytes given to one rx_Read or rx_Write */
    ECHO_MAX = 64 << 20     /* largest echo, which the server has to hold whole */
};

/* rxperf's own operations, then ours for tests. */
enum opcode { OP_SEND = 0, OP_RECV = 1, OP_RPC = 3, OP_ABORT = 100, OP_SLEEP = 101, OP_ECHO = 102 };

/* Abort code with which a server refuses a request whose bytes are not the pattern. */
enum { ABORT_WRONG_PAYLOAD = 7001 };

struct options {
    const char *host;     /* server: address to bind; client: address of the server */
    int port;             /* server: 0 takes a free one */
    int verify;           /* payload is the pattern, and is checked; otherwise zeros, unchecked */
    int window;           /* packets in each direction; 0 leaves the library's default */
    int no_jumbo;
    int dead_time;        /* seconds; 0 leaves the library's default */
    int udp_buffer_kib;   /* socket buffers; 0 leaves the library's default */

    int check_reach;      /* server */
    int procs;            /* server: threads that run calls */
    int ignore_stdin;     /* server: do not stop when stdin ends */

    enum opcode op;       /* client, from here on */
    uint32_t send_bytes;
    uint32_t recv_bytes;
    long calls;           /* per thread; 0 with seconds set: no limit */
    int threads;
    int conns;
    double seconds;
    int trailing_cookie;  /* end the request with the cookie, as Linux servers want it */
    int linger_ms;        /* stay this long after the last call, connections open */
    int interval;         /* a progress line on stderr each second */
    uint32_t sleep_ms;
    int32_t abort_code;
    int64_t abort_after;  /* bytes of payload; negative: do not */
    int64_t die_after;
};

int run_server(const struct options *o);
int run_client(const struct options *o);

/* Settings of the library that must precede rx_Init. */
void apply_early_options(const struct options *o);
/* Settings of the library that need an initialised library. */
void apply_late_options(const struct options *o);

/* CHUNK bytes of payload for the stream offset `at`: the pattern if `verify`, otherwise zeros. */
char *payload_at(uint32_t at, int verify);
void payload_init(void);

#endif
