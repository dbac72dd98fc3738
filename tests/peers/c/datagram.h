/* Keys, payloads and datagrams of the reset-path protocol, written from docs/protocol.md alone. */
#ifndef DATAGRAM_H
#define DATAGRAM_H
#include <stddef.h>
#include <stdint.h>

struct keys { uint32_t id; uint8_t master[32], prk[32], c2s[32], s2c[32], fingerprint[8]; };
int keys_parse(struct keys *k, const char *line);             /* 0, or -1: not a key line */
void keys_derive(struct keys *k);                             /* all the rest from master */
void keys_ticket(const struct keys *k, const uint8_t boot[16], uint8_t out[16]);
void tag_make(const uint8_t *key, size_t keylen, const uint8_t *data, size_t n, uint8_t out[16]);

int same(const uint8_t *a, const uint8_t *b, size_t n);       /* in constant time */
int is_zero(const uint8_t *a, size_t n);
long unhex(const char *text, uint8_t *out, size_t room);      /* bytes, or -1 */

enum { HELLO = 1, CHALLENGE, REGISTER, CHECK, RESET_REQ, ACK, RESULT, NOTIFY, DUMP_NOTIFY, BYE };
enum { HEAD = 42, TAG = 16, PAYLOAD = 1200, MOST = HEAD + PAYLOAD + TAG };

struct item { uint64_t port, number, serial, flags, state, evidence, age; };
struct msg { uint8_t a[16], b[16], c[16], uuid[16]; uint64_t one, two, token; char s[256], u[256];
             struct item t; int count; struct item it[64]; };
struct head { int type; uint32_t key, sender, epoch; uint8_t session[16]; uint64_t seq; };
struct bytes { uint8_t *at, *end; int enc; };
long encode(struct msg *m, int type, int server, uint8_t *payload);
int decode(struct msg *m, int type, int server, uint8_t *payload, long n);
long seal(uint8_t *d, const struct head *h, long n, const uint8_t *key, size_t keylen);
const char *unseal(const uint8_t *d, long n, struct head *h, const struct keys *k, int server);
#endif
