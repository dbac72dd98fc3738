/* A client of the reset path, written from docs/protocol.md: joins, registers, and then does
 * what it is told, one step after the other, printing a line for each thing it hears.
 *
 *   hr_client SERVER:PORT OWN:PORT KEYFILE BOOTID NUMBER NAME [VM|-] STEP...
 *
 * STEP: check=PORT/NUMBER, reset=PORT/NUMBER, dump, bye, again (a new session).
 * Exit: 0 all steps answered, 1 one was not within 20 s, 2 usage.
 */
#include "hr.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static struct {
    int socket;
    struct keys keys;
    uint32_t key_id, epoch;
    uint16_t port;
    uint8_t boot[16];
    uint8_t session[16], client_nonce[16], server_nonce[16];
    uint64_t seq, top, seen; /* of the server: greatest seq, and the 64 below it as bits */
    bool trusted, lost;
} me;

static int64_t now_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void draw(uint8_t *out, size_t size)
{
    if (getrandom(out, size, 0) != (ssize_t)size)
        abort();
}

static void say(struct frame *frame)
{
    uint8_t out[DATAGRAM_MAX];
    pad(frame);
    frame->key_id = me.key_id;
    frame->sender = me.key_id >> 8;
    frame->epoch = me.epoch;
    frame->seq = ++me.seq;
    memcpy(frame->session, me.session, 16);
    size_t size = seal(me.keys.c2s, 32, frame, out);
    if (send(me.socket, out, size, 0) < 0)
        perror("send"); /* will be repeated */
}

static void say_hello(void)
{
    struct frame frame = {.type = HELLO};
    add(&frame, me.client_nonce, 16);
    add(&frame, me.server_nonce, 16);
    add(&frame, me.boot, 16);
    add_number(&frame, me.port, 2);
    say(&frame);
}

/* Acknowledge a RESULT or a NOTIFY. */
static void acknowledge(const struct frame *heard)
{
    struct frame frame = {.type = ACK};
    add_number(&frame, heard->type, 1);
    add_zero(&frame, 7);
    add_number(&frame, heard->seq, 8);
    if (heard->type == RESULT) {
        add(&frame, heard->payload, 16);
    } else {
        add_zero(&frame, 16);
        add(&frame, heard->payload, 2);
        for (size_t at = 2; at + 20 <= heard->size; at += 20)
            add(&frame, heard->payload + at, 14);
    }
    say(&frame);
}

static bool fresh(uint64_t seq)
{
    if (seq > me.top) {
        uint64_t shift = seq - me.top;
        me.seen = (shift < 64 ? me.seen << shift : 0) | 1;
        me.top = seq;
        return true;
    }
    uint64_t age = me.top - seq;
    if (age >= 64 || (me.seen >> age & 1) != 0)
        return false;
    me.seen |= (uint64_t)1 << age;
    return true;
}

static void new_session(void)
{
    draw(me.session, 16);
    draw(me.client_nonce, 16);
    memset(me.server_nonce, 0, 16);
    me.seq = me.top = 0;
    me.seen = ~(uint64_t)0;
    me.trusted = me.lost = false;
}

static void challenged(const struct frame *frame)
{
    static const uint8_t zero[16];
    bool mine = memcmp(frame->session, me.session, 16) == 0;
    if (!me.trusted && mine && memcmp(frame->payload + 16, me.client_nonce, 16) == 0) {
        memcpy(me.server_nonce, frame->payload, 16);
        say_hello();
    } else if (me.trusted && (mine || memcmp(frame->session, zero, 16) == 0)) {
        me.lost = true;
    }
}

/* Wait for a datagram of the session until a time; false if there is none. */
static bool hear(struct frame *frame, int64_t until)
{
    uint8_t in[2048];
    for (;;) {
        int64_t left = until - now_ms();
        struct pollfd ready = {.fd = me.socket, .events = POLLIN};
        if (left < 0 || poll(&ready, 1, (int)left) != 1)
            return false;
        ssize_t size = recv(me.socket, in, sizeof in, 0);
        if (size < 0 || !unseal(me.keys.s2c, 32, in, (size_t)size, frame))
            continue;
        if (frame->key_id != me.key_id || frame->sender != 0)
            continue;
        if (frame->type == CHALLENGE && frame->size >= 32) {
            challenged(frame);
            if (me.lost)
                return false;
            continue;
        }
        if (memcmp(frame->session, me.session, 16) != 0)
            continue;
        if (frame->seq == 0 && !me.trusted && frame->type == ACK && frame->size >= 32) {
            printf("hello refused, status %u\n", frame->payload[1]);
            exit(1);
        }
        if (frame->seq == 0 || !fresh(frame->seq))
            continue;
        me.trusted = true;
        if (frame->epoch > me.epoch)
            me.epoch = frame->epoch;
        if ((frame->type == NOTIFY && frame->size >= 2) ||
            (frame->type == RESULT && frame->size >= 29))
            acknowledge(frame);
        return true;
    }
}

static void print_system(const char *what, const uint8_t *at)
{
    printf("%s %u/%u", what, (unsigned)get(at, 2), (unsigned)get(at + 2, 4));
}

static void print_notices(const struct frame *frame)
{
    static const char *states[] = {"?", "DUMP", "REBOOT", "POFF"};
    for (size_t at = 2; at + 20 <= frame->size; at += 20) {
        const uint8_t *one = frame->payload + at;
        print_system("notice", one);
        printf(" serial %llu %s evidence %u age %u\n", (unsigned long long)get(one + 6, 8),
               states[one[14] & 3], one[15], (unsigned)get(one + 16, 4));
    }
}

static bool is_ack(const struct frame *frame, int type, const uint8_t reference[16])
{
    return frame->type == ACK && frame->size >= 32 && frame->payload[0] == type &&
           memcmp(frame->payload + 16, reference, 16) == 0;
}

static void print_result(const struct frame *frame)
{
    static const char *outcomes[] = {"?", "DUMP", "POFF", "FAIL", "ERROR"};
    const uint8_t *at = frame->payload;
    int outcome = at[22] < 5 ? at[22] : 0;
    print_system("result", at + 16);
    printf(" %s evidence %u age %u reason %.*s\n", outcomes[outcome], at[23],
           (unsigned)get(at + 24, 4), (int)at[28], (const char *)at + 29);
}

/* Whether this is the answer to a step; what is heard besides is printed. */
static bool answers(const struct frame *heard, const struct frame *said, bool *slow)
{
    const uint8_t *key = said->payload;
    if (heard->type == NOTIFY)
        print_notices(heard);
    if (said->type == CHECK && heard->type == CHECK && heard->size >= 10 &&
        memcmp(heard->payload, key, 8) == 0) {
        for (size_t at = 10; at + 12 <= heard->size; at += 12) {
            print_system("check", heard->payload + at);
            printf(" flags %u age %u\n", (unsigned)get(heard->payload + at + 6, 2),
                   (unsigned)get(heard->payload + at + 8, 4));
        }
        return true;
    }
    if (said->type == RESET_REQ) {
        if (heard->type == RESULT && heard->size >= 29 &&
            29 + (size_t)heard->payload[28] <= heard->size && memcmp(heard->payload, key, 22) == 0) {
            print_result(heard);
            return true;
        }
        if (is_ack(heard, RESET_REQ, key) && !*slow) {
            *slow = true;
            printf("acknowledged\n");
        }
        return false;
    }
    if (said->type == HELLO)
        key = me.client_nonce;
    if (said->type != CHECK && is_ack(heard, said->type, key)) {
        printf("ack %u status %u\n", said->type, heard->payload[1]);
        if (heard->payload[1] != 0)
            exit(1);
        return true;
    }
    return false;
}

static bool join(int64_t until);

/* Say it until it is answered. */
static bool ask(struct frame *said, int64_t until)
{
    bool slow = false;
    struct frame heard;
    int64_t delay = 200;
    while (now_ms() < until) {
        if (said->type == HELLO)
            say_hello();
        else
            say(said);
        int64_t again = now_ms() + (slow ? 1000 : delay);
        if (said->type != RESET_REQ && delay < 3200)
            delay *= 2;
        while (hear(&heard, again)) {
            if (answers(&heard, said, &slow))
                return true;
            if (slow && again < now_ms() + 800)
                again = now_ms() + 1000;
        }
        if (me.lost) {
            slow = false;
            puts("session lost");
            if (!join(until))
                return false;
        }
    }
    return false;
}

static bool join(int64_t until)
{
    struct frame hello = {.type = HELLO};
    new_session();
    return ask(&hello, until);
}

static bool step(const char *what)
{
    struct frame frame = {0};
    uint8_t id[16];
    int64_t until = now_ms() + PATIENCE_MS;
    draw(id, 16);
    if (strncmp(what, "check=", 6) == 0) {
        frame.type = CHECK;
        add(&frame, id, 8);
        add_number(&frame, 1, 2);
        return add_system(&frame, what + 6) && ask(&frame, until);
    }
    if (strncmp(what, "reset=", 6) == 0) {
        frame.type = RESET_REQ;
        add(&frame, id, 16);
        return add_system(&frame, what + 6) && ask(&frame, until);
    }
    if (strcmp(what, "again") == 0)
        return join(until);
    frame.type = strcmp(what, "bye") == 0 ? BYE : DUMP_NOTIFY;
    add(&frame, me.boot, 16);
    return (strcmp(what, "bye") == 0 || strcmp(what, "dump") == 0) && ask(&frame, until);
}

static bool address(const char *text, struct sockaddr_in *out)
{
    char host[16];
    unsigned port;
    if (sscanf(text, "%15[0-9.]:%u", host, &port) != 2)
        return false;
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

static bool read_key(const char *path)
{
    char id[9], key[65], extra;
    uint8_t raw[4], master[32];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    bool right = fscanf(file, "haconn1:%8[0-9a-f]:%64[0-9a-f] %c", id, key, &extra) == 2 &&
                 unhex(id, raw, 4) && unhex(key, master, 32);
    fclose(file);
    if (right) {
        me.key_id = (uint32_t)get(raw, 4);
        derive(master, &me.keys);
    }
    return right;
}

int main(int argc, char **argv)
{
    struct sockaddr_in server, own;
    struct frame frame = {.type = REGISTER};
    if (argc < 8 || !address(argv[1], &server) || !address(argv[2], &own) || !read_key(argv[3]) ||
        !unhex(argv[4], me.boot, 16)) {
        fprintf(stderr, "usage: hr_client SERVER:PORT OWN:PORT KEYFILE BOOTID NUMBER NAME VM|- STEP...\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    me.port = ntohs(own.sin_port);
    me.socket = socket(AF_INET, SOCK_DGRAM, 0);
    if (me.socket < 0 || bind(me.socket, (struct sockaddr *)&own, sizeof own) != 0 ||
        connect(me.socket, (struct sockaddr *)&server, sizeof server) != 0) {
        perror("socket");
        return 1;
    }
    add(&frame, me.boot, 16);
    add_number(&frame, strtoul(argv[5], NULL, 10), 4);
    add_number(&frame, me.port, 2);
    add_zero(&frame, 2);
    add_text(&frame, argv[6]);
    add_text(&frame, strcmp(argv[7], "-") == 0 ? "" : argv[7]);
    if (!join(now_ms() + PATIENCE_MS) || !ask(&frame, now_ms() + PATIENCE_MS))
        return 1;
    for (int i = 8; i < argc; i++)
        if (!step(argv[i])) {
            printf("unanswered %s\n", argv[i]);
            return 1;
        }
    close(me.socket);
    return 0;
}
