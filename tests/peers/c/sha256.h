/* SHA-256, HMAC and big endian integers: what docs/protocol.md needs of them, written from it alone. */
#ifndef SHA256_H
#define SHA256_H
#include <stddef.h>
#include <stdint.h>

struct sha256 { uint32_t h[8]; uint64_t total; uint8_t block[64]; };
void sha256_start(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t n);
void sha256_end(struct sha256 *s, uint8_t out[32]);

struct hmac { struct sha256 inner, outer; };
void hmac_start(struct hmac *h, const void *key, size_t n);
void hmac_end(struct hmac *h, uint8_t out[32]);

void put_be(uint8_t *at, uint64_t value, int width);
uint64_t get_be(const uint8_t *at, int width);
#endif
