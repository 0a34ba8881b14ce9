/* The payload pattern: byte i of a stream is (i * 7 + (i >> 8) * 13 + 3) & 255. */
#include "rxpeer.h"

/* The pattern repeats every 65536 bytes; twice its length makes a whole chunk contiguous from any offset. */
static char pattern[2 * CHUNK];
static char zeros[CHUNK];

void payload_init(void)
{
    for (uint32_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (char)(i * 7 + (i >> 8) * 13 + 3);
}

char *payload_at(uint32_t at, int verify)
{
    return verify ? pattern + at % CHUNK : zeros;
}
