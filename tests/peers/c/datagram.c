/* Keys, payloads and datagrams of the reset-path protocol, written from docs/protocol.md alone (sections 1, 2, 4). */
#include "datagram.h"
#include "sha256.h"
#include <string.h>

int same(const uint8_t *a, const uint8_t *b, size_t n)
{
    volatile uint8_t d = 0;
    for (size_t i = 0; i < n; i++)
        d |= a[i] ^ b[i];
    return d == 0;
}

int is_zero(const uint8_t *a, size_t n)
{
    uint8_t d = 0;
    for (size_t i = 0; i < n; i++)
        d |= a[i];
    return d == 0;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long unhex(const char *text, uint8_t *out, size_t room)
{
    size_t n = strlen(text);
    if (n % 2 || n / 2 > room)
        return -1;
    for (size_t i = 0; i < n; i += 2) {
        int a = digit(text[i]), b = digit(text[i + 1]);
        if (a < 0 || b < 0)
            return -1;
        out[i / 2] = (uint8_t)(a << 4 | b);
    }
    return (long)(n / 2);
}

/* ---- keys ---- */

static void hmac(const void *key, size_t keylen, const char *label, const void *data, size_t n, uint8_t out[32])
{
    struct hmac h;
    hmac_start(&h, key, keylen);
    sha256_add(&h.inner, label, strlen(label));
    sha256_add(&h.inner, data, n);
    hmac_end(&h, out);
}

void keys_derive(struct keys *k)
{
    static const uint8_t zero[32];
    struct sha256 s;
    uint8_t digest[32];
    hmac(zero, 32, "", k->master, 32, k->prk);
    hmac(k->prk, 32, "c2s", "\x01", 1, k->c2s);
    hmac(k->prk, 32, "s2c", "\x01", 1, k->s2c);
    sha256_start(&s);
    sha256_add(&s, k->master, 32);
    sha256_end(&s, digest);
    memcpy(k->fingerprint, digest, 8);
}

int keys_parse(struct keys *k, const char *line)
{
    char text[83];
    uint8_t id[4];
    size_t n = strcspn(line, "\r\n");
    if (n != 81 || memcmp(line, "haconn1:", 8) || line[16] != ':')
        return -1;
    memcpy(text, line, n);
    text[n] = text[16] = 0;
    if (unhex(text + 8, id, 4) != 4 || unhex(text + 17, k->master, 32) != 32)
        return -1;
    k->id = (uint32_t)get_be(id, 4);
    keys_derive(k);
    return 0;
}

void keys_ticket(const struct keys *k, const uint8_t boot[16], uint8_t out[16])
{
    uint8_t full[32];
    hmac(k->c2s, 32, "HRT1", boot, 16, full);
    memcpy(out, full, 16);
}

void tag_make(const uint8_t *key, size_t keylen, const uint8_t *data, size_t n, uint8_t out[16])
{
    uint8_t full[32];
    hmac(key, keylen, "HRP1", data, n, full);
    memcpy(out, full, 16);
}

/* ---- datagrams ---- */

/* A payload in one letter a field; what is behind '[' is counted and repeated, 'd' may be absent. */
static const char *layout(int type, int server, int acked)
{
    static const char *of[] = {"", "abcpd", "ba", "anp..sud", "T[pn", "apn..........", "12......Ta", "apn12gs",
                               "[pnSkeg", "a................", "a................"};
    if (type < HELLO || type > BYE)
        return NULL;
    if (type == CHECK && server)
        return "T[pnfg";
    return type == ACK && acked == NOTIFY ? "12......Ta[pnS" : of[type];
}

static int part(struct msg *m, struct item *t, char code, struct bytes *b)
{
    struct { char code; int width; uint64_t *at; } ints[] = {
        {'p', 2, &t->port}, {'n', 4, &t->number}, {'S', 8, &t->serial}, {'f', 2, &t->flags}, {'k', 1, &t->state},
        {'e', 1, &t->evidence}, {'g', 4, &t->age}, {'1', 1, &m->one}, {'2', 1, &m->two}, {'T', 8, &m->token}};
    uint64_t none = 0, *v = &none;
    uint8_t *raw = code == 'a' ? m->a : code == 'b' ? m->b : code == 'c' ? m->c : code == 'd' ? m->uuid : NULL;
    char *text = code == 's' ? m->s : code == 'u' ? m->u : NULL;
    long n = raw ? 16 : 1, room = b->end - b->at;
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        if (ints[i].code == code)
            n = ints[i].width, v = ints[i].at;
    if (code == 'd' && (b->enc ? is_zero(m->uuid, 16) : room < n))
        return 0;
    if (room < n)
        return -1;
    if (raw) {
        memcpy(b->enc ? b->at : raw, b->enc ? raw : b->at, 16);
    } else if (text) {
        n = b->enc ? (long)strlen(text) + 1 : b->at[0] + 1;
        if (room < n)
            return -1;
        if (b->enc)
            b->at[0] = (uint8_t)(n - 1);
        memcpy(b->enc ? b->at + 1 : (uint8_t *)text, b->enc ? (uint8_t *)text : b->at + 1, (size_t)n - 1);
    } else if (b->enc) {
        put_be(b->at, *v, (int)n);
    } else {
        *v = get_be(b->at, (int)n);
    }
    b->at += n;
    return 0;
}

static int walk(struct msg *m, const char *l, struct bytes *b)
{
    for (; *l && *l != '['; l++)
        if (part(m, &m->t, *l, b))
            return -1;
    if (!*l)
        return 0;
    if (b->end - b->at < 2)
        return -1;
    if (b->enc)
        put_be(b->at, (uint64_t)m->count, 2);
    else
        m->count = (int)get_be(b->at, 2);
    b->at += 2;
    if (m->count < 1 || m->count > 64)
        return -1;
    for (int i = 0; i < m->count; i++)
        for (const char *c = l + 1; *c; c++)
            if (part(m, &m->it[i], *c, b))
                return -1;
    return 0;
}

long encode(struct msg *m, int type, int server, uint8_t *payload)
{
    struct bytes b = {payload, payload + PAYLOAD, 1};
    memset(payload, 0, PAYLOAD);
    if (!layout(type, server, (int)m->one) || walk(m, layout(type, server, (int)m->one), &b))
        return -1;
    return !server && b.at - payload < 32 ? 32 : b.at - payload;
}

int decode(struct msg *m, int type, int server, uint8_t *payload, long n)
{
    struct bytes b = {payload, payload + n, 0};
    memset(m, 0, sizeof *m);
    return n && layout(type, server, payload[0]) ? walk(m, layout(type, server, payload[0]), &b) : -1;
}

long seal(uint8_t *d, const struct head *h, long n, const uint8_t *key, size_t keylen)
{
    memcpy(d, "HR\x01", 3);
    d[3] = (uint8_t)h->type;
    put_be(d + 4, h->key, 4);
    put_be(d + 8, h->sender, 4);
    memcpy(d + 12, h->session, 16);
    put_be(d + 28, h->seq, 8);
    put_be(d + 36, h->epoch, 4);
    put_be(d + 40, (uint64_t)n, 2);
    tag_make(key, keylen, d, (size_t)(HEAD + n), d + HEAD + n);
    return HEAD + n + TAG;
}

/* NULL: it verifies; else what is wrong. */
const char *unseal(const uint8_t *d, long n, struct head *h, const struct keys *k, int server)
{
    uint8_t tag[16], key[32];
    size_t keylen = 32;
    if (n < HEAD + TAG || n > MOST)
        return "size";
    if (memcmp(d, "HR\x01", 3) || (long)get_be(d + 40, 2) != n - HEAD - TAG)
        return "magic";
    *h = (struct head){d[3], (uint32_t)get_be(d + 4, 4), (uint32_t)get_be(d + 8, 4),
                       (uint32_t)get_be(d + 36, 4), {0}, get_be(d + 28, 8)};
    memcpy(h->session, d + 12, 16);
    if (h->key != k->id || h->sender != (server ? 0 : k->id >> 8))
        return "key";
    memcpy(key, server ? k->s2c : k->c2s, 32);
    if (!server && h->type == DUMP_NOTIFY && h->seq == 0)
        keys_ticket(k, h->session, key), keylen = 16;
    tag_make(key, keylen, d, (size_t)n - TAG, tag);
    return same(tag, d + n - TAG, 16) ? NULL : "tag";
}
