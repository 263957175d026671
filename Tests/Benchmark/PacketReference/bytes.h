#ifndef WARRENS_REFERENCE_BYTES_H
#define WARRENS_REFERENCE_BYTES_H

#include <stdint.h>
#include <stddef.h>
#include <string.h>

/* Numbers in network byte order, and the Internet checksum (RFC 1071): PacketView.swift, Checksum.swift. */

static inline uint16_t load16(const uint8_t *at) { uint16_t n; memcpy(&n, at, 2); return __builtin_bswap16(n); }
static inline uint32_t load32(const uint8_t *at) { uint32_t n; memcpy(&n, at, 4); return __builtin_bswap32(n); }
static inline uint64_t load64(const uint8_t *at) { uint64_t n; memcpy(&n, at, 8); return __builtin_bswap64(n); }
static inline void store16(uint8_t *at, uint16_t n) { n = __builtin_bswap16(n); memcpy(at, &n, 2); }
static inline void store32(uint8_t *at, uint32_t n) { n = __builtin_bswap32(n); memcpy(at, &n, 4); }

static inline uint16_t fold(uint64_t sum) {
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

static inline uint16_t sum(const uint8_t *bytes, size_t count) {
    uint64_t low = 0, high = 0;
    size_t words = count / 8;
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, bytes + i * 8, 8);
        low += word & 0xffffffff;
        high += word >> 32;
    }
    uint64_t sum = __builtin_bswap16(fold(low + high));
    for (size_t i = words * 8; i < count; i++) sum += (uint64_t)bytes[i] << (i & 1 ? 0 : 8);
    return fold(sum);
}

static inline uint16_t updated_checksum(uint16_t old, uint16_t from, uint16_t to) {
    return (uint16_t)~fold((uint64_t)(uint16_t)~old + (uint16_t)~from + to);
}

#endif
