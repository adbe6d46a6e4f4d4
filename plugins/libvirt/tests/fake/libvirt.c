/*
 * A fake libvirt with the behavior that a test selects: tests/fake_library.rs compiles and loads it.
 *
 * The URI selects the behavior: qemu+unix:///system?socket=/BEHAVIOR/COUNT is a host with COUNT
 * guests. Comments below describe each behavior where the code checks it. The structs have the used
 * members of libvirt's public headers. Calls to the daemon are counted, and virConnectGetLibVersion
 * returns their number, because the tests do not need libvirt's version.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SYSTEM_ERROR = 38, NO_SUPPORT = 3, INVALID_ARG = 8, NO_DOMAIN = 42, RPC = 39 };
enum { NO_WAIT = 1 << 29 };

struct error { int code, domain; char *message; };
struct connection { char behavior[32]; int guests, lists; unsigned long calls; };
struct domain { struct connection *connection; int index, list; char name[16]; };
struct domain_info { unsigned char state; unsigned long max_memory, memory; unsigned short cpus; unsigned long long time; };
struct parameter { char field[80]; int type; union { int i; unsigned u; unsigned long long ul; } value; };
struct record { struct domain *domain; struct parameter *parameters; int count; };

static __thread struct error last;

static int fail(int code, char *message) {
    last.code = code;
    last.message = message;
    return -1;
}

static int is(struct connection *connection, const char *behavior) { return !strcmp(connection->behavior, behavior); }

struct error *virGetLastError(void) { return last.code ? &last : NULL; }
void virSetErrorFunc(void *data, void *handler) { (void)data; (void)handler; }

void *virConnectOpenAuth(const char *uri, void *auth, unsigned flags) {
    struct connection *connection = calloc(1, sizeof *connection);
    const char *behavior = strstr(uri, "socket=%2F");
    (void)auth;
    if (!behavior || flags != 1 || sscanf(behavior, "socket=%%2F%31[a-z-]%%2F%d", connection->behavior, &connection->guests) != 2) {
        free(connection);
        fail(INVALID_ARG, "not a URI of the fake, or not read-only");
        return NULL;
    }
    return connection;
}
int virConnectClose(void *connection) { free(connection); return 0; }
int virConnectIsAlive(void *connection) { (void)connection; return 1; }
const char *virConnectGetType(void *connection) { (void)connection; return "QEMU"; }
int virConnectGetVersion(struct connection *connection, unsigned long *version) {
    connection->calls++;
    *version = 8000000;
    return 0;
}
int virConnectGetLibVersion(struct connection *connection, unsigned long *version) {
    *version = connection->calls;
    return 0;
}
char *virConnectGetHostname(struct connection *connection) {
    connection->calls++;
    return strdup(is(connection, "no-name") ? "" : "kvm1");
}
char *virConnectGetCapabilities(struct connection *connection) {
    connection->calls++;
    return strdup(is(connection, "no-uuid") ? "<capabilities><host/></capabilities>" : is(connection, "web-page") ? "<html/>" :
        "<capabilities><host><uuid>4c4c4544-0042-3510-8051-b4c04f4d3132</uuid></host></capabilities>");
}
int virNodeGetInfo(struct connection *connection, void *info) {
    connection->calls++;
    memset(info, 0, 64);
    return 0;
}

int virConnectListAllDomains(struct connection *connection, struct domain ***list, unsigned flags) {
    int count = 0;
    (void)flags;
    connection->calls++;
    connection->lists++;
    *list = calloc(connection->guests + 1, sizeof **list);
    for (int index = 0; index < connection->guests; index++) {
        /* "deleted": guest 1 is only in the first list. */
        if (is(connection, "deleted") && index == 1 && connection->lists > 1)
            continue;
        struct domain *domain = calloc(1, sizeof *domain);
        domain->connection = connection;
        domain->index = index;
        domain->list = connection->lists;
        snprintf(domain->name, sizeof domain->name, "guest%04d", index);
        (*list)[count++] = domain;
    }
    return count;
}
int virDomainFree(struct domain *domain) { free(domain); return 0; }
const char *virDomainGetName(struct domain *domain) { return domain->name; }
int virDomainGetUUID(struct domain *domain, unsigned char *uuid) {
    memset(uuid, 0, 16);
    uuid[0] = 0x42;
    uuid[14] = domain->index >> 8;
    uuid[15] = domain->index & 255;
    return 0;
}

/* Whether the bulk call leaves this guest out: guest 1, with these behaviors. */
static int is_left_out(struct domain *domain) {
    struct connection *connection = domain->connection;
    return domain->index == 1 &&
        (is(connection, "deleted") || is(connection, "redefined") || is(connection, "second-fails") || is(connection, "flickers") || is(connection, "redefined-fails"));
}

int virDomainGetInfo(struct domain *domain, struct domain_info *info) {
    struct connection *connection = domain->connection;
    connection->calls++;
    memset(info, 0, sizeof *info);
    /* "never-exist": guests are always listed, but do not exist. */
    if (is(connection, "never-exist") || (is(connection, "deleted") && is_left_out(domain)))
        return fail(NO_DOMAIN, "Domain not found");
    /* "redefined": guest 1 is deleted and created again after the first list. */
    if (!strncmp(connection->behavior, "redefined", 9) && is_left_out(domain) && domain->list == 1)
        return fail(NO_DOMAIN, "Domain not found");
    /* "flickers": guest 1 is in every list, but exists only from the fourth list on. */
    if (is(connection, "flickers") && is_left_out(domain) && domain->list < 4)
        return fail(NO_DOMAIN, "Domain not found");
    if (is(connection, "redefined-fails") && is_left_out(domain))
        return fail(SYSTEM_ERROR, "Cannot send data: Broken pipe");
    if ((is(connection, "second-fails") || is(connection, "single-second-fails")) && domain->index == 1)
        return fail(SYSTEM_ERROR, "Cannot send data: Broken pipe");
    info->state = 1;
    if (!is(connection, "zeros")) {
        info->max_memory = 1024;
        info->cpus = 2;
    }
    return 0;
}

char *virDomainGetXMLDesc(struct domain *domain, unsigned flags) {
    struct connection *connection = domain->connection;
    (void)flags;
    connection->calls++;
    /* "description-hangs": the description of guest 1 never returns. */
    if (is(connection, "description-hangs") && domain->index == 1)
        for (;;)
            pause();
    /* "second-undescribed": guest 1 cannot be described. */
    if (is(connection, "second-undescribed") && domain->index == 1) {
        fail(SYSTEM_ERROR, "the file of the guest is damaged");
        return NULL;
    }
    return strdup(is(connection, "no-xml") ? "<domain>" :
        "<domain><metadata><libosinfo><os id='http://opensuse.org/opensuse/15.6'/></libosinfo></metadata>"
        "<devices><interface><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>"
        "<disk><target dev='vda'/></disk></devices></domain>");
}

static void set(struct parameter *parameter, const char *field, int type) {
    strcpy(parameter->field, field);
    parameter->type = type;
}

int virDomainListGetStats(struct domain **domains, unsigned kinds, struct record ***list, unsigned flags) {
    struct connection *connection = domains[0]->connection;
    int total = 0, count = 0;
    (void)kinds;
    connection->calls++;
    /* "hangs": never returns, like libvirt if the QEMU process of a guest hangs. */
    if (is(connection, "hangs"))
        for (;;)
            pause();
    if (is(connection, "old-flags") && (flags & NO_WAIT))
        return fail(INVALID_ARG, "unsupported flags");
    /* "bulk-gone": one deleted guest fails the call for all guests. */
    if (is(connection, "bulk-gone"))
        return fail(NO_DOMAIN, "Domain not found");
    if (is(connection, "too-much"))
        return fail(RPC, "too many parameters '4100' for limit '4096'");
    if (!strncmp(connection->behavior, "single", 6))
        return fail(NO_SUPPORT, "this function is not supported");
    while (domains[total])
        total++;
    *list = calloc(total + 1, sizeof **list);
    for (int index = 0; index < total; index++) {
        if (is_left_out(domains[index]) || is(connection, "never-exist"))
            continue;
        struct record *record = calloc(1, sizeof *record);
        record->domain = domains[index];
        record->parameters = calloc(3, sizeof *record->parameters);
        record->count = 3;
        set(&record->parameters[0], "state.state", 1);
        record->parameters[0].value.i = 1;
        set(&record->parameters[1], "vcpu.current", 2);
        record->parameters[1].value.u = is(connection, "zeros") ? 0 : 2;
        set(&record->parameters[2], "balloon.maximum", 4);
        record->parameters[2].value.ul = is(connection, "zeros") ? 0 : is(connection, "unlimited") ? ~0ULL : 1024;
        (*list)[count++] = record;
    }
    return count;
}
void virDomainStatsRecordListFree(struct record **list) {
    for (int index = 0; list && list[index]; index++) {
        free(list[index]->parameters);
        free(list[index]);
    }
    free(list);
}
