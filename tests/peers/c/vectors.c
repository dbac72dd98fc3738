/* Checks the test vectors of the reset-path protocol, written from docs/protocol.md alone (section 8). */
#include "client.h"
#include "datagram.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A record: its fields in order, which point into its text. */
struct rec { int n; char *k[100], *v[100], text[32768]; };
static int failures;

/* Read the next record; 0: no more. */
static int record(FILE *f, struct rec *r)
{
    char *at = r->text, *end = r->text + sizeof r->text;
    r->n = 0;
    while (end - at > 4096 && r->n < 100 && fgets(at, (int)(end - at), f)) {
        char *colon = strstr(at, ":");
        at[strcspn(at, "\r\n")] = 0;
        if (*at == '#')
            continue;
        if (!*at || !colon) {
            if (r->n)
                break;
            continue;
        }
        *colon = 0;
        r->k[r->n] = at;
        r->v[r->n++] = colon + 1 + (colon[1] == ' ');
        at = colon + 2 + strlen(colon + 1);
    }
    return r->n;
}

static const char *field(const struct rec *r, const char *name)
{
    for (int i = 0; i < r->n; i++)
        if (!strcmp(r->k[i], name))
            return r->v[i];
    return "";
}

static void fail(const char *file, const struct rec *r, const char *what)
{
    printf("%s: %s: %s\n", file, *field(r, "name") ? field(r, "name") : field(r, "key-id"), what);
    failures++;
}

static int differs(const char *hex, const uint8_t *b, size_t n)
{
    uint8_t want[MOST + 8];
    return unhex(hex, want, sizeof want) != (long)n || memcmp(want, b, n) != 0;
}

static void check_keys(const char *file, const struct rec *r)
{
    struct keys k;
    uint8_t boot[16], ticket[16];
    if (keys_parse(&k, field(r, "line")) || unhex(field(r, "boot-id"), boot, 16) != 16) {
        fail(file, r, "cannot be read");
        return;
    }
    keys_ticket(&k, boot, ticket);
    struct { const char *name; uint8_t *b; size_t n; } parts[] = {
        {"master", k.master, 32}, {"prk", k.prk, 32}, {"c2s", k.c2s, 32}, {"s2c", k.s2c, 32},
        {"fingerprint", k.fingerprint, 8}, {"ticket", ticket, 16}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (differs(field(r, parts[i].name), parts[i].b, parts[i].n))
            fail(file, r, parts[i].name);
    if (strtoull(field(r, "key-id"), NULL, 10) != k.id)
        fail(file, r, "key-id");
}

static void set_item(struct item *t, int type, const char *v)
{
    char *p;
    t->port = strtoull(v, &p, 10);
    t->number = strtoull(p + (*p == '/'), &p, 10);
    uint64_t *check[] = {&t->flags, &t->age}, *notice[] = {&t->serial, &t->state, &t->evidence, &t->age};
    for (int i = 0; *p && i < (type == CHECK ? 2 : 4); i++)
        *(type == CHECK ? check : notice)[i] = strtoull(p, &p, 10);
}

static void set_field(struct msg *m, int type, const char *k, const char *v)
{
    struct { const char *name; uint64_t *at; } ints[] = {
        {"port", &m->t.port}, {"number", &m->t.number}, {"token", &m->token}, {"acked-seq", &m->token},
        {"acked-type", &m->one}, {"outcome", &m->one}, {"status", &m->two}, {"evidence", &m->two}, {"age", &m->t.age}};
    struct { const char *name; uint8_t *at; } raw[] = {
        {"client-nonce", m->a}, {"server-nonce", m->b}, {"boot-id", type == HELLO ? m->c : m->a},
        {"request-id", m->a}, {"reference", m->a}, {"uuid", m->uuid}};
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        if (!strcmp(k, ints[i].name))
            *ints[i].at = strtoull(v, NULL, 10);
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++)
        if (!strcmp(k, raw[i].name))
            unhex(v, raw[i].at, 16);
    if (!strcmp(k, "server") || !strcmp(k, "reason"))
        snprintf(m->s, 256, "%s", v);
    if (!strcmp(k, "vm"))
        snprintf(m->u, 256, "%s", v);
    if (!strcmp(k, "target") && type != CHECK)
        set_item(&m->t, type, v);
    else if ((!strcmp(k, "target") || !strcmp(k, "checkup") || !strcmp(k, "notice")) && m->count < 64)
        set_item(&m->it[m->count++], type, v);
}

static void check_datagram(const char *file, const struct rec *r, int server)
{
    static struct msg m, back;
    static uint8_t d[MOST];
    struct keys k = {.id = (uint32_t)strtoull(field(r, "key-id"), NULL, 10)};
    struct head h = {atoi(field(r, "type")), k.id, (uint32_t)strtoull(field(r, "sender"), NULL, 10),
                     (uint32_t)strtoull(field(r, "epoch"), NULL, 10), {0}, strtoull(field(r, "seq"), NULL, 10)}, got;
    uint8_t ticket[16];
    const char *wrong;
    memset(&m, 0, sizeof m);
    unhex(field(r, "master"), k.master, 32);
    unhex(field(r, "session"), h.session, 16);
    keys_derive(&k);
    for (int i = 0; i < r->n; i++)
        set_field(&m, h.type, r->k[i], r->v[i]);
    long n = encode(&m, h.type, server, d + HEAD);
    if (n < 0 || differs(field(r, "payload"), d + HEAD, (size_t)n)) {
        fail(file, r, "payload");
        return;
    }
    if (decode(&back, h.type, server, d + HEAD, n) || memcmp(&m, &back, sizeof m))
        fail(file, r, "payload read back");
    keys_ticket(&k, h.session, ticket);
    if (!server && h.type == DUMP_NOTIFY && !h.seq)
        n = seal(d, &h, n, ticket, 16);
    else
        n = seal(d, &h, n, server ? k.s2c : k.c2s, 32);
    if (differs(field(r, "datagram"), d, (size_t)n))
        fail(file, r, "datagram");
    else if ((wrong = unseal(d, n, &got, &k, server)) != NULL)
        fail(file, r, wrong);
}

/* What a server without any session does with a datagram: sections 3 and 5. */
static const char *verdict(uint8_t *d, long n, const struct keys *k)
{
    struct head h;
    struct msg m;
    const char *wrong = unseal(d, n, &h, k, 0);
    if (wrong)
        return wrong;
    if (h.type < HELLO || h.type > BYE || h.type == CHALLENGE || h.type == RESULT || h.type == NOTIFY)
        return "type";
    if (h.type == DUMP_NOTIFY && !h.seq)
        return n < HEAD + 16 + TAG || is_zero(h.session, 16) || memcmp(h.session, d + HEAD, 16) ? "payload" : "";
    if (n < HEAD + 32 + TAG)
        return "session";
    if (h.type != HELLO)
        return "challenge";
    if (decode(&m, HELLO, 0, d + HEAD, n - HEAD - TAG) || is_zero(m.c, 16))
        return "refused";
    return is_zero(h.session, 16) || !h.seq ? "session" : "challenge";
}

static void check_refused(const char *file, const struct rec *r)
{
    uint8_t d[MOST + 8];
    struct keys k;
    keys_parse(&k, "haconn1:00000701:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    long n = unhex(field(r, "datagram"), d, sizeof d);
    const char *got = n < 0 ? "hex" : verdict(d, n, &k);
    if (strcmp(got, field(r, "why")))
        fail(file, r, *got ? got : "accepted");
}

int vectors(const char *dir)
{
    static struct rec r;
    const char *files[] = {"client.txt", "server.txt", "keys.txt", "refused.txt"};
    char path[4096];
    for (int i = 0, n = 0; i < 4; i++, n = 0) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        FILE *f = fopen(path, "r");
        for (; f && record(f, &r); n++) {
            if (i < 2)
                check_datagram(files[i], &r, i);
            else
                (i == 2 ? check_keys : check_refused)(files[i], &r);
        }
        printf("%s: %d records\n", files[i], n);
        failures += !n;
        if (f)
            fclose(f);
    }
    return failures != 0;
}
