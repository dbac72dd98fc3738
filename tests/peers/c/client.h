/* What a run of the client is given, and what it can be asked to do; written from docs/protocol.md alone. */
#ifndef CLIENT_H
#define CLIENT_H
#include "datagram.h"
#include <netinet/in.h>

struct options {
    int fd;                                             /* the bound socket */
    int want;                                           /* CHECK, RESET_REQ, DUMP_NOTIFY or BYE; 0: register only */
    struct sockaddr_in to;
    struct keys key;
    struct item self, target;
    uint8_t boot[16], uuid[16];                         /* the machine's UUID; zero: none */
    const char *name, *vm;
};
int client_run(const struct options *o);                /* status of the program, when all is said and answered */
int vectors(const char *dir);                           /* 0: all are right */
#endif
