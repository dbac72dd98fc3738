/* Checks the test vectors of docs/protocol.md: hr_vectors DIRECTORY */
#include "hr.h"

#include <stdlib.h>

#define FIELDS 160
#define LINE 4096

struct record {
    int count;
    char name[FIELDS][24];
    char value[FIELDS][LINE];
};

static struct record rec;
static int checked;

/* The next record of a file; false at its end. */
static bool next_record(FILE *file)
{
    static char line[LINE];
    rec.count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (line[0] == '#')
            continue;
        if (line[0] == '\n') {
            if (rec.count > 0)
                return true;
            continue;
        }
        if (colon == NULL || rec.count == FIELDS)
            abort();
        *colon = '\0';
        colon += colon[1] == ' ' ? 2 : 1;
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(rec.name[rec.count], sizeof rec.name[0], "%.23s", line);
        strcpy(rec.value[rec.count++], colon);
    }
    return rec.count > 0;
}

/* The nth value of a field; NULL if there are not so many. */
static const char *nth(const char *name, int n)
{
    for (int i = 0; i < rec.count; i++)
        if (strcmp(rec.name[i], name) == 0 && n-- == 0)
            return rec.value[i];
    return NULL;
}

static const char *text(const char *name)
{
    const char *found = nth(name, 0);
    if (found == NULL) {
        fprintf(stderr, "%s: no field %s\n", rec.value[0], name);
        exit(2);
    }
    return found;
}

static uint64_t number(const char *name) { return strtoull(text(name), NULL, 10); }

static void bytes(const char *name, uint8_t *out, size_t size)
{
    if (!unhex(text(name), out, size)) {
        fprintf(stderr, "%s: %s is not %zu bytes\n", rec.value[0], name, size);
        exit(2);
    }
}

static void must(bool right, const char *what)
{
    if (!right) {
        fprintf(stderr, "%s: %s differs\n", rec.value[0], what);
        exit(1);
    }
    checked++;
}

static void must_be(const char *name, const uint8_t *found, size_t size)
{
    uint8_t expected[PAYLOAD_MAX];
    bytes(name, expected, size);
    must(memcmp(found, expected, size) == 0, name);
}

static void add_bytes(struct frame *frame, const char *name)
{
    uint8_t raw[16];
    bytes(name, raw, 16);
    add(frame, raw, 16);
}

static int how_many(const char *name)
{
    int count = 0;
    while (nth(name, count) != NULL)
        count++;
    return count;
}

/* A list of systems, each followed by integers of the sizes given. */
static void add_list(struct frame *frame, const char *name, const int *sizes)
{
    int count = how_many(name);
    add_number(frame, (uint64_t)count, 2);
    for (int i = 0; i < count; i++) {
        const char *at = nth(name, i);
        must(add_system(frame, at), name);
        for (const int *size = sizes; *size > 0; size++) {
            at = strchr(at, ' ');
            must(at != NULL, name);
            add_number(frame, strtoull(++at, NULL, 10), *size);
        }
    }
}

static void add_ack(struct frame *frame)
{
    add_number(frame, number("acked-type"), 1);
    add_number(frame, number("status"), 1);
    add_zero(frame, 6);
    add_number(frame, number("acked-seq"), 8);
    add_bytes(frame, "reference");
    if (number("acked-type") == NOTIFY)
        add_list(frame, "notice", (const int[]){8, 0});
}

static void client_payload(struct frame *frame)
{
    switch (frame->type) {
    case HELLO:
        add_bytes(frame, "client-nonce");
        add_bytes(frame, "server-nonce");
        add_bytes(frame, "boot-id");
        add_number(frame, number("port"), 2);
        break;
    case REGISTER:
        add_bytes(frame, "boot-id");
        add_number(frame, number("number"), 4);
        add_number(frame, number("port"), 2);
        add_zero(frame, 2);
        add_text(frame, text("server"));
        add_text(frame, text("vm"));
        break;
    case CHECK:
        add_number(frame, number("token"), 8);
        add_list(frame, "target", (const int[]){0});
        break;
    case RESET_REQ:
        add_bytes(frame, "request-id");
        must(add_system(frame, text("target")), "target");
        break;
    case ACK:
        add_ack(frame);
        break;
    default:
        add_bytes(frame, "boot-id");
    }
    pad(frame);
}

static void server_payload(struct frame *frame)
{
    switch (frame->type) {
    case CHALLENGE:
        add_bytes(frame, "server-nonce");
        add_bytes(frame, "client-nonce");
        break;
    case CHECK:
        add_number(frame, number("token"), 8);
        add_list(frame, "checkup", (const int[]){2, 4, 0});
        break;
    case ACK:
        add_ack(frame);
        break;
    case RESULT:
        add_bytes(frame, "request-id");
        must(add_system(frame, text("target")), "target");
        add_number(frame, number("outcome"), 1);
        add_number(frame, number("evidence"), 1);
        add_number(frame, number("age"), 4);
        add_text(frame, text("reason"));
        break;
    default:
        add_list(frame, "notice", (const int[]){8, 1, 1, 4, 0});
    }
}

static void check_keys(void)
{
    uint8_t master[32], boot[16], ticket[16], print[32];
    struct keys keys;
    bytes("master", master, 32);
    bytes("boot-id", boot, 16);
    derive(master, &keys);
    dump_ticket(&keys, boot, ticket);
    sha256(master, 32, print);
    must_be("prk", keys.prk, 32);
    must_be("c2s", keys.c2s, 32);
    must_be("s2c", keys.s2c, 32);
    must_be("ticket", ticket, 16);
    must_be("fingerprint", print, 8);
}

static void check_datagram(void)
{
    static uint8_t sealed[DATAGRAM_MAX], ticket[16], master[32];
    static struct frame frame, again;
    struct keys keys;
    memset(&frame, 0, sizeof frame);
    frame.type = (uint8_t)number("type");
    frame.key_id = (uint32_t)number("key-id");
    frame.sender = (uint32_t)number("sender");
    frame.epoch = (uint32_t)number("epoch");
    frame.seq = number("seq");
    bytes("session", frame.session, 16);
    bytes("master", master, 32);
    derive(master, &keys);
    const uint8_t *key = frame.sender == 0 ? keys.s2c : keys.c2s;
    size_t key_size = 32;
    if (frame.type == DUMP_NOTIFY && frame.seq == 0) {
        dump_ticket(&keys, frame.session, ticket);
        key = ticket;
        key_size = 16;
    }
    (frame.sender == 0 ? server_payload : client_payload)(&frame);
    must_be("payload", frame.payload, frame.size);
    size_t size = seal(key, key_size, &frame, sealed);
    uint8_t expected[DATAGRAM_MAX];
    bytes("datagram", expected, size);
    must(memcmp(sealed, expected, size) == 0, "datagram");
    must(unseal(key, key_size, expected, size, &again), "tag");
    expected[size - 1] ^= 1;
    must(!unseal(key, key_size, expected, size, &again), "wrong tag");
}

static void check_file(const char *directory, const char *name, void (*check)(void))
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    int records = 0;
    for (; next_record(file); records++)
        check();
    fclose(file);
    printf("%s: %d records\n", name, records);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: hr_vectors DIRECTORY\n");
        return 2;
    }
    check_file(argv[1], "keys.txt", check_keys);
    check_file(argv[1], "client.txt", check_datagram);
    check_file(argv[1], "server.txt", check_datagram);
    printf("%d comparisons\n", checked);
    return 0;
}
