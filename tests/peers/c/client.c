/* A client of the reset-path protocol, version 1, written from docs/protocol.md alone: its session, and one thing
 * that it wants: to be registered, to check, to have a system reset, or to leave (sections 3 and 6).
 */
#include "client.h"
#include "sha256.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

struct sess { uint8_t id[16], client[16], server[16]; uint64_t out, in, mask; int live; };
struct again { double next; int n; };                        /* what is repeated */
enum { IDLE, GREETING, PROVING };

static struct options given;
static struct {
    int hs, registered, said, started, acked, done, status, gave_up, seen_n;
    struct sess cur, nxt;
    struct again hello, reg, act;
    double proving_until, unasked_at, epoch_at, check_until, deadline, linger;
    uint32_t epoch;
    uint8_t request[16], seen[512][14];
    uint64_t token;
} C;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void draw(void *at, size_t n)
{
    if (getrandom(at, n, 0) != (ssize_t)n)
        perror("getrandom"), exit(1);
}

static void finish(int status)
{
    if (!C.done)
        C.done = 1, C.status = status, C.linger = now() + (given.want == BYE ? 0 : 0.35);
}

static void trace(char way, const struct head *h, const struct msg *m)
{
    if (getenv("CLIENT_DEBUG"))
        fprintf(stderr, "%.3f %c type %d session %02x%02x seq %d epoch %u one %d two %d token %d\n", now(), way,
                h->type, h->session[0], h->session[1], (int)h->seq, (unsigned)h->epoch, (int)m->one, (int)m->two,
                (int)m->token);
}

static void say(struct sess *s, int type, struct msg *m)
{
    uint8_t d[MOST];
    struct head h = {type, given.key.id, given.key.id >> 8, C.epoch, {0}, ++s->out};
    long n = encode(m, type, 0, d + HEAD);
    memcpy(h.session, s->id, 16);
    trace('>', &h, m);
    if (n < 0)
        return;
    n = seal(d, &h, n, given.key.c2s, 32);
    if (sendto(given.fd, d, (size_t)n, 0, (struct sockaddr *)&given.to, sizeof given.to) < 0)
        return;                                         /* it is repeated like one that was lost */
}

static void say_hello(void)
{
    struct msg m = {0};
    memcpy(m.a, C.nxt.client, 16);
    memcpy(m.b, C.nxt.server, 16);
    memcpy(m.c, given.boot, 16);
    memcpy(m.uuid, given.uuid, 16);
    m.t.port = given.self.port;
    say(&C.nxt, HELLO, &m);
}

static double times(int n) { return n < 4 ? 0.2 * (1 << n) : 3.2; }

static void greet(int state)
{
    C.nxt = (struct sess){.live = 1};
    draw(C.nxt.id, 16);
    draw(C.nxt.client, 16);
    C.hs = state;
    C.hello = (struct again){0};
    C.proving_until = now() + 3;
}

static void say_reg(void)
{
    struct msg m = {.t = given.self};
    memcpy(m.a, given.boot, 16);
    memcpy(m.uuid, given.uuid, 16);
    strcpy(m.s, given.name);
    strcpy(m.u, given.vm);
    say(&C.cur, REGISTER, &m);
    C.reg.next = now() + times(C.reg.n++);
}

static void act_check(void)
{
    struct msg m = {.token = C.token, .count = 1, .it = {given.target}};
    if (C.act.n && now() >= C.check_until)
        fprintf(stderr, "client: no answer to CHECK within 3 s\n"), C.act.n = 0;
    if (!C.act.n)
        draw(&C.token, 8), C.check_until = now() + 3;
    m.token = C.token;
    say(&C.cur, CHECK, &m);
    C.act.next = C.act.n < 3 ? now() + times(C.act.n) : C.check_until;
    C.act.n++;
}

static void act(void)
{
    struct msg m = {.t = given.target};
    memcpy(m.a, given.want == RESET_REQ ? C.request : given.boot, 16);
    if (given.want == CHECK) {
        act_check();
    } else if (given.want == RESET_REQ) {
        C.started = 1;
        say(&C.cur, RESET_REQ, &m);
        C.act.next = now() + (C.acked ? 1 : 0.2);
    } else if (C.act.n++ < 6) {
        say(&C.cur, given.want, &m);
        C.act.next = now() + 0.2;
    } else {
        finish(1);
    }
}

/* Whatever is due is sent; the answer is when to come again. */
static double tick(void)
{
    double t = now();
    if (C.done)
        return C.linger;
    if (C.hs == PROVING && t >= C.proving_until)
        greet(GREETING);
    if (C.hs != IDLE && t >= C.hello.next)
        say_hello(), C.hello.next = t + times(C.hello.n++);
    if (C.hs != IDLE)
        return C.hs == PROVING && C.proving_until < C.hello.next ? C.proving_until : C.hello.next;
    if (!C.registered && t >= C.reg.next)
        say_reg();
    int may = given.want && (C.registered || C.started);
    if (may && !C.done && t >= C.act.next)
        act();
    double next = C.registered ? t + 1 : C.reg.next;
    return may && C.act.next < next ? C.act.next : next;
}

static void challenged(const struct head *h, const struct msg *m)
{
    double t = now();
    int own = C.hs != IDLE && same(h->session, C.nxt.id, 16) && same(m->a, C.nxt.client, 16);
    int unasked = is_zero(h->session, 16) || (C.cur.live && same(h->session, C.cur.id, 16));
    if (h->seq || (C.epoch > h->epoch && C.epoch_at + 10 > t) || (!own && !unasked))
        return;
    if (own && C.hs == PROVING && same(m->b, C.nxt.server, 16))
        return;                                         /* the HELLO with this nonce is on its way */
    if (!own) {
        if (t < C.unasked_at + 1)
            return;
        C.unasked_at = t;
        if (C.hs == PROVING)
            return;
        if (C.hs == IDLE)
            greet(PROVING);
    }
    if (C.hs == GREETING)
        C.proving_until = t + 3;
    C.hs = PROVING;
    memcpy(C.nxt.server, m->b, 16);
    C.hello = (struct again){0};
}

static void acknowledged(const struct msg *m)
{
    const uint8_t *ref = m->one == RESET_REQ ? C.request : given.boot;
    if (m->one < REGISTER || (!same(ref, m->a, 16) && !(m->two && is_zero(m->a, 16))))
        return;
    if (m->two && (m->one == REGISTER || (int)m->one == given.want)) {
        fprintf(stderr, "client: type %d refused, status %d\n", (int)m->one, (int)m->two);
        finish(m->one == RESET_REQ ? 4 : 1);
    } else if (m->one == REGISTER) {
        C.registered = 1;
        if (!C.said++)
            puts("registered");
        if (!given.want)
            finish(0);
    } else if (m->one == RESET_REQ) {
        if (!C.acked++)
            C.act.next = now() + 1;
    } else if ((int)m->one == given.want) {
        finish(0);
    }
}

static void noticed(struct msg *m)
{
    for (int i = 0; i < m->count; i++) {
        uint8_t id[14];
        int j = 0, most = C.seen_n < 512 ? C.seen_n : 512;
        put_be(id, m->it[i].port, 2), put_be(id + 2, m->it[i].number, 4), put_be(id + 6, m->it[i].serial, 8);
        while (j < most && memcmp(C.seen[j], id, 14))
            j++;
        if (j < most)
            continue;
        memcpy(C.seen[C.seen_n++ % 512], id, 14);
        printf("notice %d/%u state=%d\n", (int)m->it[i].port, (unsigned)m->it[i].number, (int)m->it[i].state);
    }
}

/* Control characters, and bytes that are no UTF-8, become `?`. */
static void make_printable(unsigned char *c)
{
    for (int more; *c; c += more + 1) {
        int ok = *c >= ' ' && *c != 127, want = *c < 0x80 ? 0 : *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : 1;
        for (more = 0; more < want && (c[more + 1] & 0xc0) == 0x80; more++)
            ;
        if (!ok || more < want || *c > 0xf4 || (*c >= 0x80 && *c < 0xc2))
            *c = '?', more = 0;
    }
}

static void served(struct sess *s, const struct head *h, struct msg *m)
{
    static const char *word[] = {"?", "DUMP", "POFF", "FAIL", "ERROR"};
    struct msg ack = *m;
    ack.one = (uint64_t)h->type, ack.two = 0, ack.token = h->seq;
    if (h->type == ACK)
        acknowledged(m);
    else if (h->type == RESULT || h->type == NOTIFY)
        say(s, ACK, &ack);
    if (h->type == NOTIFY)
        noticed(m);
    if (h->type == CHECK && given.want == CHECK && !C.done && m->token == C.token) {
        struct item *t = m->it;
        printf("check %d/%u flags=%d age=", (int)t->port, (unsigned)t->number, (int)t->flags);
        printf(t->age == 0xFFFFFFFF ? "none\n" : "%lu\n", (unsigned long)t->age);
        finish(0);
    }
    if (h->type == RESULT && C.started && !C.done && same(m->a, C.request, 16) && m->one >= 1 && m->one <= 4) {
        printf("result %s evidence=%d age_ms=%lu\n", word[m->one], (int)m->two, (unsigned long)m->t.age);
        make_printable((unsigned char *)m->s);
        if (*m->s)
            fprintf(stderr, "client: reason: %s\n", m->s);
        finish(m->one <= 2 ? 0 : (int)m->one);
    }
}

static int fresh(struct sess *s, uint64_t seq)
{
    if (!seq || (s->in >= 64 && seq <= s->in - 64) || (seq <= s->in && s->mask >> (s->in - seq) & 1))
        return 0;
    if (seq > s->in) {
        s->mask = seq - s->in < 64 ? s->mask << (seq - s->in) : 0;
        s->in = seq;
    }
    s->mask |= (uint64_t)1 << (s->in - seq);
    return 1;
}

static void heard(void)
{
    static uint8_t d[MOST + 8];
    static struct msg m;
    struct head h;
    long n = (long)recv(given.fd, d, sizeof d, 0);
    if (n < 0 || unseal(d, n, &h, &given.key, 1) || decode(&m, h.type, 1, d + HEAD, n - HEAD - TAG))
        return;
    trace('<', &h, &m);
    int mine = C.hs != IDLE && same(h.session, C.nxt.id, 16);
    if (h.type == CHALLENGE) {
        challenged(&h, &m);
    } else if (h.type == ACK && !h.seq && mine && m.one == HELLO && m.two && same(m.a, C.nxt.client, 16)) {
        fprintf(stderr, "client: HELLO refused, status %d\n", (int)m.two);
        finish(1);
    } else if (mine ? fresh(&C.nxt, h.seq) : C.cur.live && same(h.session, C.cur.id, 16) && fresh(&C.cur, h.seq)) {
        if (h.epoch >= C.epoch)
            C.epoch = h.epoch, C.epoch_at = now();
        if (mine) {                                     /* the new session is acknowledged */
            C.cur = C.nxt;
            C.hs = IDLE;
            C.registered = C.acked = 0;
            C.reg = C.act = (struct again){0};
            if (C.gave_up)
                finish(1);
        }
        served(&C.cur, &h, &m);
    }
}

int client_run(const struct options *o)
{
    given = *o;
    draw(C.request, 16);
    greet(GREETING);
    C.deadline = now() + 30;
    C.unasked_at = C.epoch_at = -100;
    for (;;) {
        double next = tick(), t = now(), stop = C.done ? C.linger : C.deadline;
        if (C.done && t >= C.linger)
            return C.status;
        if (!C.done && t >= C.deadline) {
            fprintf(stderr, "client: no answer\n");
            if (!C.started || C.gave_up)
                return 1;
            C.gave_up = 1;                              /* a request given up: a new session */
            C.deadline = t + 3;
            greet(GREETING);
            continue;
        }
        struct pollfd p = {given.fd, POLLIN, 0};
        double wait = (next < stop ? next : stop) - t;
        if (poll(&p, 1, wait > 0 ? (int)(wait * 1000) + 1 : 0) > 0)
            heard();
    }
}
