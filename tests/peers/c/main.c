/* The command line of the client that was written from docs/protocol.md alone. Exit: 0 done, or DUMP or POFF; 1 no
 * answer, or refused; 2 usage; 3 FAIL; 4 ERROR.
 */
#include "client.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct options given;

static int usage(void)
{
    fprintf(stderr, "usage: client vectors DIR\n"
            "       client run --server HOST:PORT --host OWN_ADDRESS --port MONITOR_PORT --key-file FILE\n"
            "           --name SERVERNAME [--vm NAME] --system PORT/NUMBER [--boot-id UUID] [--uuid UUID]\n"
            "           register|check PORT/NUMBER|reset PORT/NUMBER|dump|bye\n");
    return 2;
}

static int set_system(struct item *t, const char *v)
{
    unsigned p, n;
    char rest;
    if (!v || sscanf(v, "%5u/%10u%c", &p, &n, &rest) != 2 || p > 65535)
        return -1;
    t->port = p, t->number = n;
    return 0;
}

/* A UUID as it is printed, or the first line of a file with one. */
static int set_uuid(const char *v, const char *path, uint8_t out[16])
{
    char text[64] = "", hex[64], *p = hex;
    FILE *f = v ? NULL : fopen(path, "r");
    if (v)
        snprintf(text, sizeof text, "%s", v);
    else if (!f || !fgets(text, sizeof text, f))
        return f ? fclose(f), -1 : -1;
    if (f)
        fclose(f);
    for (char *c = text; *c && *c != '\n'; c++)
        if (*c != '-')
            *p++ = *c;
    *p = 0;
    return unhex(hex, out, 16) == 16 ? 0 : -1;
}

static int set_key(const char *path)
{
    char line[128] = "";
    FILE *f = path ? fopen(path, "r") : NULL;
    int bad = !f || !fgets(line, sizeof line, f) || keys_parse(&given.key, line);
    if (f)
        fclose(f);
    return bad ? -1 : 0;
}

static int set_address(struct sockaddr_in *a, const char *host, const char *port)
{
    long n = port ? strtol(port, NULL, 10) : 0;
    a->sin_family = AF_INET;
    a->sin_port = htons((uint16_t)n);
    return host && n > 0 && n < 65536 && inet_pton(AF_INET, host, &a->sin_addr) == 1 ? 0 : -1;
}

static int action(const char *v)
{
    struct { const char *name; int type; } known[] = {
        {"register", 0}, {"check", CHECK}, {"reset", RESET_REQ}, {"dump", DUMP_NOTIFY}, {"bye", BYE}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(v, known[i].name))
            return known[i].type;
    return -1;
}

static int run(int n, char **v)
{
    const char *names[] = {"--server", "--host", "--port", "--key-file", "--name", "--system", "--vm", "--boot-id", "--uuid"};
    char *o[9] = {0}, *colon;
    struct sockaddr_in own = {0};
    for (; n > 1 && !strncmp(*v, "--", 2); n -= 2, v += 2) {
        int i = 0;
        while (i < 9 && strcmp(*v, names[i]))
            i++;
        if (i == 9)
            return usage();
        o[i] = v[1];
    }
    if (n < 1 || !o[0] || !(colon = strchr(o[0], ':')))
        return usage();
    *colon = 0;
    given.name = o[4], given.vm = o[6] ? o[6] : "";
    given.want = action(*v);
    int target = given.want == CHECK || given.want == RESET_REQ;
    if (given.want < 0 || n != 1 + target || (target && set_system(&given.target, v[1]))
        || !given.name || strlen(given.name) > 255 || strlen(given.vm) > 255 || set_system(&given.self, o[5])
        || set_address(&given.to, o[0], colon + 1) || set_address(&own, o[1], o[2])
        || given.self.port != ntohs(own.sin_port))
        return usage();
    if (set_key(o[3]) || set_uuid(o[7], "/proc/sys/kernel/random/boot_id", given.boot) || is_zero(given.boot, 16))
        return fprintf(stderr, "client: the key file or the boot id cannot be read\n"), 2;
    if (set_uuid(o[8], "/sys/class/dmi/id/product_uuid", given.uuid) && o[8])
        return fprintf(stderr, "client: --uuid is no UUID\n"), 2;
    given.fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (given.fd < 0 || bind(given.fd, (struct sockaddr *)&own, sizeof own))
        return perror("client: socket"), 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    return client_run(&given);
}

int main(int n, char **v)
{
    if (n == 3 && !strcmp(v[1], "vectors"))
        return vectors(v[2]);
    return n > 2 && !strcmp(v[1], "run") ? run(n - 2, v + 2) : usage();
}
