/* The other end of the benchmarks: @connections and DynamoDB's Scan, on loopback, in one thread.
 *
 *   target [CERTIFICATE KEY]      prints its port; uses TLS if there is a certificate
 *
 * POST /{stage}/@connections/{id}   answered after `latency_us`, with the faults set below
 * POST /  with a Scan or a Query    the next page of a table of `rows` rows after `scan_us`; all
 *                                   have the age `connected_ms`
 * GET  /control?name=value&...      sets the names below, resets the counters, answers {}
 * GET  /stats                       the counters
 * GET  /ids                         a line for each id: id received accepted lost last-status
 * GET  /sample                      every hundredth request unchanged, each after its length
 *
 * Faults are shares in a million of the posts: `close` (half before the post is taken, half after),
 * `throttle` (429), `fail` (500), `stall` (taken and never answered); `gone` is a share of the ids.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FDS = 65536, IN_BYTES = 65536, ID_BYTES = 48, PAGE_ROWS = 9700, SAMPLED = 100 };

typedef struct { char *bytes; size_t length, room; } buffer;

typedef struct {
    int fd;
    uint64_t number;      /* never used again, unlike fd */
    SSL *tls;
    bool shaking;         /* the TLS handshake is in progress */
    bool writing;         /* epoll also waits until it is writable */
    int outstanding;      /* posts without an answer yet */
    size_t in_length;
    char in[IN_BYTES];
    buffer out;
    size_t out_done;
} connection;

typedef struct { char id[ID_BYTES]; uint32_t received, accepted, lost; int status; } known;

/* A delayed answer. The latency is constant, so each queue stays in order. */
typedef struct { int64_t due; int fd; uint64_t number; char *bytes; size_t length; bool post; } later;
typedef struct { later *items; size_t first, count, room; } queue;

static struct {
    long latency_us, scan_us, rows, connected_ms, close, throttle, fail, gone, stall;
} set;
static struct {
    uint64_t requests, posts, scans, connections, pipelined, closed, stalled;
    int64_t first_ns, last_ns, cpu_us, began_ns;
} seen;

static connection *connections[MAX_FDS];
static known *ids;
static size_t ids_room, ids_count;
static buffer sample;
static queue posts_later, scans_later;
static SSL_CTX *tls_context;
static int poller;

static const char OK[] =
    "HTTP/1.1 200 OK\r\nDate: Sat, 22 Nov 2025 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: 0\r\nConnection: keep-alive\r\n"
    "x-amzn-RequestId: 8b2c0b1e-7d5a-4f0c-9c1e-2f6f2f6a9d11\r\nx-amz-apigw-id: Xh3kEFFfIAMEb1w=\r\n\r\n";

static void *must(void *allocated)
{
    if (!allocated) {
        perror("target");
        exit(1);
    }
    return allocated;
}

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int64_t cpu_us(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000LL + use.ru_utime.tv_usec +
           use.ru_stime.tv_usec;
}

/* A number below a million, the same in every run. */
static long chance(void)
{
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (long)(state % 1000000);
}

static uint64_t hash(const char *text)
{
    uint64_t value = 14695981039346656037ULL;
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 1099511628211ULL;
    return value;
}

static void append(buffer *to, const char *bytes, size_t length)
{
    if (to->length + length > to->room) {
        to->room = (to->length + length) * 2;
        to->bytes = must(realloc(to->bytes, to->room));
    }
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
}

/* ---------------------------------------------------------------------------------- the ids */

static known *slot(const char *id)
{
    size_t at = hash(id) & (ids_room - 1);
    while (ids[at].id[0] && strcmp(ids[at].id, id))
        at = (at + 1) & (ids_room - 1);
    return &ids[at];
}

static void make_room(size_t room)
{
    known *old = ids;
    size_t old_room = ids_room;
    ids = must(calloc(room, sizeof *ids));
    ids_room = room;
    for (size_t at = 0; at < old_room; at++)
        if (old[at].id[0])
            *slot(old[at].id) = old[at];
    free(old);
}

static known *find(const char *id)
{
    if (2 * (ids_count + 1) > ids_room)
        make_room(ids_room * 2);
    known *found = slot(id);
    if (!found->id[0]) {
        memcpy(found->id, id, strlen(id) + 1);
        ids_count++;
    }
    return found;
}

static void forget(void)
{
    memset(&seen, 0, sizeof seen);
    free(ids);
    ids = NULL;
    ids_room = ids_count = sample.length = 0;
    make_room(1 << 12);
    seen.cpu_us = cpu_us();
    seen.began_ns = now_ns();
}

/* -------------------------------------------------------------------------- the connections */

static void hang_up(connection *peer)
{
    connections[peer->fd] = NULL;
    if (peer->tls)
        SSL_free(peer->tls);
    close(peer->fd);
    free(peer->out.bytes);
    free(peer);
}

static void wait_for(connection *peer, bool writing)
{
    if (peer->writing == writing)
        return;
    peer->writing = writing;
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.fd = peer->fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, peer->fd, &event);
}

/* Sends pending bytes; false if the connection has ended. */
static bool flush(connection *peer)
{
    while (peer->out_done < peer->out.length) {
        const char *rest = peer->out.bytes + peer->out_done;
        size_t length = peer->out.length - peer->out_done;
        ssize_t sent;
        bool blocked;
        if (peer->tls) {
            ERR_clear_error();
            sent = SSL_write(peer->tls, rest, (int)(length > 16384 ? 16384 : length));
            blocked = sent <= 0 && SSL_get_error(peer->tls, (int)sent) == SSL_ERROR_WANT_WRITE;
        } else {
            sent = send(peer->fd, rest, length, MSG_NOSIGNAL);
            blocked = sent < 0 && errno == EAGAIN;
        }
        if (blocked) {
            wait_for(peer, true);
            return true;
        }
        if (sent <= 0) {
            hang_up(peer);
            return false;
        }
        peer->out_done += (size_t)sent;
    }
    peer->out.length = peer->out_done = 0;
    wait_for(peer, false);
    return true;
}

static void push(queue *to, later item)
{
    if (to->count == to->room) {
        size_t room = to->room ? to->room * 2 : 1024;
        later *items = must(malloc(room * sizeof *items));
        for (size_t at = 0; at < to->count; at++)
            items[at] = to->items[(to->first + at) % to->room];
        free(to->items);
        *to = (queue){items, 0, to->count, room};
    }
    to->items[(to->first + to->count++) % to->room] = item;
}

static void deliver(queue *from, int64_t now)
{
    while (from->count && from->items[from->first].due <= now) {
        later item = from->items[from->first];
        from->first = (from->first + 1) % from->room;
        from->count--;
        connection *peer = connections[item.fd];
        if (peer && peer->number == item.number) {
            peer->outstanding -= item.post;
            append(&peer->out, item.bytes, item.length);
            flush(peer);
        }
        free(item.bytes);
    }
}

static void answer(connection *peer, const char *bytes, size_t length, long after_us, bool post)
{
    if (after_us == 0) {
        append(&peer->out, bytes, length);
        return;
    }
    char *copy = must(malloc(length));
    memcpy(copy, bytes, length);
    peer->outstanding += post;
    later item = {now_ns() + after_us * 1000, peer->fd, peer->number, copy, length, post};
    push(post ? &posts_later : &scans_later, item);
}

/* -------------------------------------------------------------------------------- the answers */

static bool take_post(connection *peer, const char *path, const char *request, size_t length)
{
    static const char marker[] = "/@connections/";
    char id[ID_BYTES] = "", text[200];
    const char *start = strstr(path, marker) + sizeof marker - 1;
    for (size_t at = 0; at < ID_BYTES - 1 && start[at] && !strchr(" %", start[at]); at++)
        id[at] = start[at];
    known *who = find(id);
    who->received++;
    seen.last_ns = now_ns();
    if (!seen.posts++)
        seen.first_ns = seen.last_ns;
    seen.pipelined += peer->outstanding > 0;
    if (seen.posts % SAMPLED == 0) {
        append(&sample, text, (size_t)snprintf(text, sizeof text, "%zu\n", length));
        append(&sample, request, length);
    }
    long fate = chance();
    if (fate < set.close / 2) {
        seen.closed++;
        return false;
    }
    bool closing = fate < set.close;
    fate -= set.close;
    int status = (long)(hash(id) % 1000000) < set.gone           ? 410
                 : closing                                       ? 200
                 : fate < set.throttle                           ? 429
                 : fate < set.throttle + set.fail                ? 500
                                                                 : 200;
    bool stalling = status == 200 && !closing && fate < set.throttle + set.fail + set.stall;
    who->status = status;
    who->accepted += status == 200;
    if (status == 200 && (closing || stalling)) {
        who->lost++;
        seen.closed += closing;
        seen.stalled += stalling;
        peer->outstanding++;
        return stalling;
    }
    if (status == 200) {
        answer(peer, OK, sizeof OK - 1, set.latency_us, true);
    } else {
        const char *error = status == 410   ? "GoneException"
                            : status == 429 ? "LimitExceededException"
                                            : "InternalServerErrorException";
        int written = snprintf(text, sizeof text,
                               "HTTP/1.1 %d Error\r\nContent-Length: 2\r\nx-amzn-ErrorType: %s\r\n\r\n{}",
                               status, error);
        answer(peer, text, (size_t)written, set.latency_us, true);
    }
    return true;
}

/* The page of rows behind the key that the request names; row n has the id L0SM{n}cIhw=. */
static void take_scan(connection *peer, const char *body)
{
    static buffer page;
    char text[200];
    const char *key = strstr(body, "L0SM"), *limit = strstr(body, "\"Limit\":");
    long first = key ? atol(key + 4) + 1 : 0, most = limit ? atol(limit + 8) : PAGE_ROWS;
    long last = first + most < set.rows ? first + most : set.rows;
    seen.scans++;
    page.length = 0;
    append(&page, text, (size_t)snprintf(text, sizeof text, "{\"Count\":%ld,\"ScannedCount\":%ld,\"Items\":[",
                                         last - first, last - first));
    for (long row = first; row < last; row++)
        append(&page, text,
               (size_t)snprintf(text, sizeof text,
                                "%s{\"connectionID\":{\"S\":\"L0SM%07ldcIhw=\"},"
                                "\"connected_at\":{\"N\":\"%ld\"}}",
                                row == first ? "" : ",", row, set.connected_ms));
    append(&page, "]", 1);
    if (last < set.rows)
        append(&page, text,
               (size_t)snprintf(text, sizeof text,
                                ",\"LastEvaluatedKey\":{\"connectionID\":{\"S\":\"L0SM%07ldcIhw=\"}}",
                                last - 1));
    append(&page, "}", 1);
    buffer whole = {0};
    append(&whole, text, (size_t)snprintf(text, sizeof text,
                                          "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
                                          "Content-Length: %zu\r\n\r\n", page.length));
    append(&whole, page.bytes, page.length);
    answer(peer, whole.bytes, whole.length, set.scan_us, false);
    free(whole.bytes);
}

static void configure(const char *query)
{
    static const struct { const char *name; long *value; } names[] = {
        {"latency_us=", &set.latency_us}, {"scan_us=", &set.scan_us}, {"rows=", &set.rows},
        {"connected_ms=", &set.connected_ms},
        {"close=", &set.close}, {"throttle=", &set.throttle}, {"fail=", &set.fail},
        {"gone=", &set.gone}, {"stall=", &set.stall},
    };
    for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
        const char *found = strstr(query, names[at].name);
        *names[at].value = found ? atol(found + strlen(names[at].name)) : 0;
    }
    forget();
}

static void take_question(connection *peer, const char *path)
{
    buffer body = {0};
    char text[1000];
    append(&body, "", 0);
    if (!strncmp(path, "/control", 8)) {
        configure(path);
        append(&body, "{}", 2);
    } else if (!strncmp(path, "/stats", 6)) {
        append(&body, text, (size_t)snprintf(text, sizeof text,
            "{\"posts\":%lu,\"ids\":%zu,\"scans\":%lu,\"connections\":%lu,\"pipelined\":%lu,"
            "\"closed\":%lu,\"stalled\":%lu,\"first_ns\":%ld,\"last_ns\":%ld,\"cpu_us\":%ld,\"wall_us\":%ld}",
            seen.posts, ids_count, seen.scans, seen.connections, seen.pipelined, seen.closed, seen.stalled,
            seen.first_ns, seen.last_ns, cpu_us() - seen.cpu_us, (now_ns() - seen.began_ns) / 1000));
    } else if (!strncmp(path, "/ids", 4)) {
        for (size_t at = 0; at < ids_room; at++)
            if (ids[at].id[0])
                append(&body, text, (size_t)snprintf(text, sizeof text, "%s %u %u %u %d\n", ids[at].id,
                       ids[at].received, ids[at].accepted, ids[at].lost, ids[at].status));
    } else if (!strncmp(path, "/sample", 7) && sample.length) {
        append(&body, sample.bytes, sample.length);
    }
    append(&peer->out, text, (size_t)snprintf(text, sizeof text,
           "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.length));
    append(&peer->out, body.bytes ? body.bytes : "", body.length);
    free(body.bytes);
}

/* Handles every complete request; false if the connection must be closed. */
static bool take_requests(connection *peer)
{
    size_t done = 0;
    bool open = true;
    while (open) {
        char *request = peer->in + done;
        size_t there = peer->in_length - done;
        char *end = memmem(request, there, "\r\n\r\n", 4);
        if (!end)
            break;
        *end = 0;
        char *field = strcasestr(request, "\r\ncontent-length:");
        size_t head = (size_t)(end - request) + 4;
        size_t length = head + (field ? strtoul(field + 17, NULL, 10) : 0);
        bool scan = strstr(request, "DynamoDB_20120810.Scan") || strstr(request, "DynamoDB_20120810.Query");
        *end = '\r';
        if (there < length)
            break;
        char after = request[length];
        request[length] = 0;
        seen.requests++;
        char *path = memchr(request, ' ', head) + 1;
        if (scan)
            take_scan(peer, request + head);
        else if (request[0] == 'G')
            take_question(peer, path);
        else if (strstr(path, "/@connections/"))
            open = take_post(peer, path, request, length);
        else
            open = false;
        request[length] = after;
        done += length;
    }
    memmove(peer->in, peer->in + done, peer->in_length - done);
    peer->in_length -= done;
    return open;
}

static void receive(connection *peer)
{
    if (peer->shaking) {
        ERR_clear_error();
        int ended = SSL_do_handshake(peer->tls);
        if (ended != 1) {
            int why = SSL_get_error(peer->tls, ended);
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                hang_up(peer);
            return;
        }
        peer->shaking = false;
    }
    for (;;) {
        size_t room = IN_BYTES - 1 - peer->in_length;
        ssize_t length;
        bool blocked;
        if (peer->tls) {
            ERR_clear_error();
            length = SSL_read(peer->tls, peer->in + peer->in_length, (int)room);
            blocked = length <= 0 && SSL_get_error(peer->tls, (int)length) == SSL_ERROR_WANT_READ;
        } else {
            length = recv(peer->fd, peer->in + peer->in_length, room, 0);
            blocked = length < 0 && errno == EAGAIN;
        }
        if (blocked)
            break;
        if (length <= 0) {
            hang_up(peer);
            return;
        }
        peer->in_length += (size_t)length;
        if (!take_requests(peer)) {
            hang_up(peer);
            return;
        }
        if (peer->tls ? !SSL_pending(peer->tls) : (size_t)length < room)
            break;
    }
    flush(peer);
}

static void greet(int listener)
{
    static uint64_t number;
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connection *peer = must(calloc(1, sizeof *peer));
        peer->fd = fd;
        peer->number = ++number;
        connections[fd] = peer;
        seen.connections++;
        if (tls_context) {
            peer->tls = must(SSL_new(tls_context));
            SSL_set_fd(peer->tls, fd);
            SSL_set_accept_state(peer->tls);
            peer->shaking = true;
        }
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on_loopback(void)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&address, &size)) {
        perror("target");
        exit(1);
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

/* Time until the next answer is due; NULL for no limit. */
static struct timespec *patience(void)
{
    static struct timespec time;
    int64_t due = INT64_MAX;
    if (posts_later.count)
        due = posts_later.items[posts_later.first].due;
    if (scans_later.count && scans_later.items[scans_later.first].due < due)
        due = scans_later.items[scans_later.first].due;
    if (due == INT64_MAX)
        return NULL;
    int64_t left = due - now_ns();
    time.tv_sec = left > 0 ? left / 1000000000 : 0;
    time.tv_nsec = left > 0 ? left % 1000000000 : 0;
    return &time;
}

int main(int count, char **arguments)
{
    if (count == 3) {
        tls_context = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        if (SSL_CTX_use_certificate_chain_file(tls_context, arguments[1]) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls_context, arguments[2], SSL_FILETYPE_PEM) != 1) {
            ERR_print_errors_fp(stderr);
            return 1;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* end with the parent process */
    forget();
    poller = epoll_create1(0);
    int listener = listen_on_loopback();
    struct epoll_event first = {.events = EPOLLIN, .data.fd = listener}, events[512];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &first);
    for (;;) {
        int ready = epoll_pwait2(poller, events, 512, patience(), NULL);
        for (int at = 0; at < ready; at++) {
            int fd = events[at].data.fd;
            if (fd == listener)
                greet(listener);
            else if (connections[fd] && (!(events[at].events & EPOLLOUT) || flush(connections[fd])))
                receive(connections[fd]);
        }
        deliver(&posts_later, now_ns());
        deliver(&scans_later, now_ns());
    }
}
