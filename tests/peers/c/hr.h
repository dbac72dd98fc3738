/* The reset-path protocol, version 1: datagrams, from docs/protocol.md. */
#ifndef HR_H
#define HR_H

#include "sha256.h"

#include <stdbool.h>
#include <stdio.h>

enum {
    HELLO = 1, CHALLENGE, REGISTER, CHECK, RESET_REQ, ACK, RESULT, NOTIFY, DUMP_NOTIFY, BYE,
    HEADER = 42, TAG = 16, PAYLOAD_MAX = 1200, PAYLOAD_MIN = 32,
    DATAGRAM_MAX = HEADER + PAYLOAD_MAX + TAG
};

struct keys { uint8_t prk[32], c2s[32], s2c[32]; };

struct frame {
    uint8_t type;
    uint32_t key_id, sender, epoch;
    uint8_t session[16];
    uint64_t seq;
    uint8_t payload[PAYLOAD_MAX];
    size_t size;
};

static inline void put(uint8_t *at, uint64_t value, int size)
{
    for (int i = size - 1; i >= 0; i--, value >>= 8)
        at[i] = (uint8_t)value;
}

static inline uint64_t get(const uint8_t *at, int size)
{
    uint64_t value = 0;
    for (int i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

/* Append to a payload; what does not fit is an error of this program. */
static inline void add(struct frame *frame, const void *bytes, size_t size)
{
    if (frame->size + size > PAYLOAD_MAX)
        return;
    memcpy(frame->payload + frame->size, bytes, size);
    frame->size += size;
}

static inline void add_number(struct frame *frame, uint64_t value, int size)
{
    uint8_t raw[8];
    put(raw, value, size);
    add(frame, raw, (size_t)size);
}

static inline void add_text(struct frame *frame, const char *text)
{
    size_t size = strlen(text);
    add_number(frame, size, 1);
    add(frame, text, size);
}

static inline bool add_system(struct frame *frame, const char *text)
{
    unsigned long port, number;
    if (sscanf(text, "%lu/%lu", &port, &number) != 2)
        return false;
    add_number(frame, port, 2);
    add_number(frame, number, 4);
    return true;
}

static inline void add_zero(struct frame *frame, size_t size)
{
    static const uint8_t zero[PAYLOAD_MAX];
    add(frame, zero, size);
}

static inline void pad(struct frame *frame)
{
    if (frame->size < PAYLOAD_MIN)
        add_zero(frame, PAYLOAD_MIN - frame->size);
}

static inline void derive(const uint8_t master[32], struct keys *keys)
{
    static const uint8_t zero[32];
    hmac_sha256(zero, 32, master, 32, keys->prk);
    hmac_sha256(keys->prk, 32, (const uint8_t *)"c2s\x01", 4, keys->c2s);
    hmac_sha256(keys->prk, 32, (const uint8_t *)"s2c\x01", 4, keys->s2c);
}

static inline void dump_ticket(const struct keys *keys, const uint8_t boot[16], uint8_t ticket[16])
{
    uint8_t said[20], digest[32];
    memcpy(said, "HRT1", 4);
    memcpy(said + 4, boot, 16);
    hmac_sha256(keys->c2s, 32, said, 20, digest);
    memcpy(ticket, digest, 16);
}

static inline void tag_of(const uint8_t *key, size_t key_size, const uint8_t *body, size_t size,
                   uint8_t tag[16])
{
    uint8_t said[4 + HEADER + PAYLOAD_MAX], digest[32];
    memcpy(said, "HRP1", 4);
    memcpy(said + 4, body, size);
    hmac_sha256(key, key_size, said, size + 4, digest);
    memcpy(tag, digest, TAG);
}

static inline size_t seal(const uint8_t *key, size_t key_size, const struct frame *frame, uint8_t *out)
{
    memcpy(out, "HR\x01", 3);
    out[3] = frame->type;
    put(out + 4, frame->key_id, 4);
    put(out + 8, frame->sender, 4);
    memcpy(out + 12, frame->session, 16);
    put(out + 28, frame->seq, 8);
    put(out + 36, frame->epoch, 4);
    put(out + 40, frame->size, 2);
    memcpy(out + HEADER, frame->payload, frame->size);
    tag_of(key, key_size, out, HEADER + frame->size, out + HEADER + frame->size);
    return HEADER + frame->size + TAG;
}

/* False for whatever is no datagram under this key. */
static inline bool unseal(const uint8_t *key, size_t key_size, const uint8_t *in, size_t size,
                   struct frame *frame)
{
    uint8_t tag[TAG], differ = 0;
    if (size < HEADER + TAG || size > DATAGRAM_MAX || memcmp(in, "HR\x01", 3) != 0)
        return false;
    if (get(in + 40, 2) != size - HEADER - TAG)
        return false;
    tag_of(key, key_size, in, size - TAG, tag);
    for (int i = 0; i < TAG; i++)
        differ |= (uint8_t)(tag[i] ^ in[size - TAG + (size_t)i]);
    if (differ != 0)
        return false;
    frame->type = in[3];
    frame->key_id = (uint32_t)get(in + 4, 4);
    frame->sender = (uint32_t)get(in + 8, 4);
    memcpy(frame->session, in + 12, 16);
    frame->seq = get(in + 28, 8);
    frame->epoch = (uint32_t)get(in + 36, 4);
    frame->size = size - HEADER - TAG;
    memcpy(frame->payload, in + HEADER, frame->size);
    return true;
}

/* Hex digits, dashes skipped; false unless it is exactly so many bytes. */
static inline bool unhex(const char *text, uint8_t *out, size_t size)
{
    size_t digits = 0;
    memset(out, 0, size);
    for (; *text != '\0' && *text != '\n'; text++) {
        const char *found = strchr("0123456789abcdef", *text | 0x20);
        if (*text == '-')
            continue;
        if (found == NULL || *found == '\0' || digits == 2 * size)
            return false;
        out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | (found - "0123456789abcdef"));
        digits++;
    }
    return digits == 2 * size;
}

#endif
