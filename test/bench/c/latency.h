// Time, and latencies by powers of two of microseconds, each cut into 32: at most 3 % off, and nothing to allocate.
#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

enum { SUB_BITS = 5, SUBS = 1 << SUB_BITS, BUCKETS = SUBS * 40 };

static inline uint64_t nowNs(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline unsigned bucketOf(uint64_t us) {
  if (us < SUBS) return (unsigned)us;
  unsigned shift = 63 - (unsigned)__builtin_clzll(us) - SUB_BITS;
  unsigned bucket = (shift + 1) * SUBS + (unsigned)((us >> shift) - SUBS);
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static inline uint64_t bucketStartUs(unsigned bucket) {
  if (bucket < SUBS) return bucket;
  return (uint64_t)(SUBS + bucket % SUBS) << (bucket / SUBS - 1);
}

static inline uint64_t quantileUs(const uint64_t *counts, uint64_t total, double share) {
  uint64_t rank = (uint64_t)(share * (double)total), seen = 0;
  for (unsigned i = 0; i < BUCKETS; i++)
    if ((seen += counts[i]) > rank) return bucketStartUs(i);
  return 0;
}

static inline long long microseconds(struct timeval time) { return time.tv_sec * 1000000LL + time.tv_usec; }

#endif
