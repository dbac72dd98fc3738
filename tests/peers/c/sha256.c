/* SHA-256 (FIPS 180-4) and HMAC (RFC 2104), for the client that was written from docs/protocol.md alone. */
#include "sha256.h"
#include <string.h>

void put_be(uint8_t *at, uint64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--, value >>= 8)
        at[i] = (uint8_t)value;
}

uint64_t get_be(const uint8_t *at, int width)
{
    uint64_t v = 0;
    for (int i = 0; i < width; i++)
        v = v << 8 | at[i];
    return v;
}

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t ror(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void compress(uint32_t *h, const uint8_t *p)
{
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)get_be(p + 4 * i, 4);
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3)
             + (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
    }
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t e = v[4], a = v[0];
        uint32_t t1 = v[7] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25))
                    + ((e & v[5]) ^ (~e & v[6])) + K[i] + w[i];
        uint32_t t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22))
                    + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        h[i] += v[i];
}

void sha256_start(struct sha256 *s)
{
    static const uint32_t first[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(s->h, first, sizeof first);
    s->total = 0;
}

void sha256_add(struct sha256 *s, const void *data, size_t n)
{
    const uint8_t *p = data;
    for (; n; n--) {
        s->block[s->total++ % 64] = *p++;
        if (s->total % 64 == 0)
            compress(s->h, s->block);
    }
}

void sha256_end(struct sha256 *s, uint8_t out[32])
{
    uint8_t bits[8];
    put_be(bits, s->total * 8, 8);
    sha256_add(s, "\x80", 1);
    while (s->total % 64 != 56)
        sha256_add(s, "", 1);
    sha256_add(s, bits, 8);
    for (int i = 0; i < 8; i++)
        put_be(out + 4 * i, s->h[i], 4);
}

void hmac_start(struct hmac *h, const void *key, size_t n)
{
    uint8_t pad[64] = {0};
    if (n > 64)
        n = 64;                                  /* no key of this protocol is longer */
    memcpy(pad, key, n);
    for (int i = 0; i < 64; i++)
        pad[i] ^= 0x36;
    sha256_start(&h->inner);
    sha256_add(&h->inner, pad, 64);
    for (int i = 0; i < 64; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    sha256_start(&h->outer);
    sha256_add(&h->outer, pad, 64);
}

void hmac_end(struct hmac *h, uint8_t out[32])
{
    sha256_end(&h->inner, out);
    sha256_add(&h->outer, out, 32);
    sha256_end(&h->outer, out);
}
