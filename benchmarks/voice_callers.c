/* N callers of one kind: each says a cycle of voice in A-law, 50 packets a second, and looks at what it hears.
 *
 * usage: voice_callers FIRST_LOCAL_PORT CALLS VOICE PROMPT1 PROMPT2
 *   VOICE is a file of whole frames of 160 bytes; caller i begins with frame 37 i. PROMPT1 and PROMPT2 are the
 *   bytes (0 to 255) that tell a frame of one prompt from one of the other.
 * A line each on standard input:
 *   to CALLER PORT   send to this port of 127.0.0.1 from now on; port 0: fall silent
 *   keys PER_SECOND  each caller presses 1 for 100 ms (RFC 4733), one after the other
 *   begin | end      of a window; `end` prints one line of JSON about it
 *   quit
 * A packet is late by how much later it came (kernel's clock, SO_TIMESTAMPNS) than its RTP timestamp says,
 * against the median of that caller in the window. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAME = 160, HEADER = 12, SLOTS = 20, MOST_WAITING = 32, KEY_PACKETS = 8, KEY_END = 5 };
static const int64_t MS = 1000000;

struct caller {
    int end, is_on, place, key; /* key: 0 none; 1 to 8 packet of it; 9 pressed */
    uint16_t sequence, last_heard;
    uint32_t stamp, key_stamp, heard_stamp;
    int has_heard;
    struct sockaddr_in to;
    int64_t key_due, key_began, key_ended, prompt1_last, prompt2_first;
    float *transit;
    int transits, room;
};
static struct caller *callers;
static int calls;
static uint8_t *voice;
static int frames, in_window;
static uint8_t mark1, mark2;
static long received, missing, sent;

static int64_t clock_ns(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void put16(uint8_t *at, unsigned value) { at[0] = value >> 8, at[1] = value; }
static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16), put16(at + 2, value); }

static void say(struct caller *one, int number)
{
    uint8_t packet[HEADER + FRAME] = {0x80, 8};
    int length = HEADER + FRAME;
    uint32_t stamp = one->stamp;
    int64_t now = clock_ns(CLOCK_REALTIME);
    if (one->key_due && now >= one->key_due) {
        one->key_due = 0, one->key = 1, one->key_stamp = one->stamp, one->key_began = now;
    }
    if (one->key >= 1 && one->key <= KEY_PACKETS) {
        int is_end = one->key > KEY_END;
        stamp = one->key_stamp;
        packet[1] = 101 | (one->key == 1 ? 0x80 : 0);
        packet[HEADER] = 1;
        packet[HEADER + 1] = (is_end ? 0x80 : 0) | 10;
        put16(packet + HEADER + 2, (is_end ? KEY_END : one->key) * FRAME);
        length = HEADER + 4;
        if (one->key == KEY_END + 1)
            one->key_ended = now;
        one->key++;
    } else {
        memcpy(packet + HEADER, voice + (one->place % frames) * FRAME, FRAME);
    }
    one->place++;
    put16(packet + 2, one->sequence++);
    put32(packet + 4, stamp);
    put32(packet + 8, 0x10000000u + number * 7919u);
    one->stamp += FRAME;
    sendto(one->end, packet, length, 0, (struct sockaddr *)&one->to, sizeof one->to);
    sent++;
}

/* Every other byte of a prompt's frames is its mark. */
static int is_of(const uint8_t *frame, uint8_t mark)
{
    return frame[0] == mark && frame[2] == mark && frame[80] == mark && frame[158] == mark;
}

static void note(struct caller *one, const uint8_t *packet, int length, int64_t at)
{
    if (length != HEADER + FRAME || (packet[1] & 0x7f) != 8)
        return;
    uint16_t sequence = packet[2] << 8 | packet[3];
    uint32_t stamp = (uint32_t)packet[4] << 24 | packet[5] << 16 | packet[6] << 8 | packet[7];
    if (in_window) {
        received++;
        if (one->has_heard && (uint16_t)(sequence - one->last_heard) != 1)
            missing += (int16_t)(sequence - one->last_heard) > 1 ? (uint16_t)(sequence - one->last_heard) - 1 : 0;
        if (one->transits == one->room) {
            one->room = one->room ? 2 * one->room : 1024;
            one->transit = realloc(one->transit, one->room * sizeof *one->transit);
        }
        static int64_t zero; /* so that a float holds the difference to some 10 us for minutes */
        if (!zero)
            zero = at;
        if (!one->transits)
            one->heard_stamp = stamp;
        one->transit[one->transits++] = (at - zero) / 1e6 - (double)(int32_t)(stamp - one->heard_stamp) / 8;
    }
    one->last_heard = sequence, one->has_heard = 1;
    if (is_of(packet + HEADER, mark1))
        one->prompt1_last = at;
    if (is_of(packet + HEADER, mark2) && !one->prompt2_first)
        one->prompt2_first = at;
}

static void hear(struct caller *one)
{
    uint8_t packet[2048], control[64];
    for (int i = 0; i < MOST_WAITING; i++) {
        struct iovec part = {packet, sizeof packet};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        int length = recvmsg(one->end, &message, MSG_DONTWAIT);
        if (length < 0)
            return;
        struct cmsghdr *told = CMSG_FIRSTHDR(&message);
        struct timespec at = {0};
        if (told)
            memcpy(&at, CMSG_DATA(told), sizeof at);
        note(one, packet, length, at.tv_sec * 1000000000LL + at.tv_nsec);
    }
}

static int by_size(const void *one, const void *other)
{
    float a = *(const float *)one, b = *(const float *)other;
    return (a > b) - (a < b);
}

static double part(const float *sorted, long count, double share)
{
    return count ? sorted[(long)(share * (count - 1))] : NAN;
}

static void print_share(const char *name, float *values, long count)
{
    qsort(values, count, sizeof *values, by_size);
    if (count)
        printf("\"%s\": [%.3f, %.3f, %.3f, %ld], ", name, part(values, count, 0.5), part(values, count, 0.99),
               values[count - 1], count);
}

static void tell(void)
{
    long count = 0, late5 = 0, late20 = 0, keys = 0, cuts = 0;
    for (int i = 0; i < calls; i++)
        count += callers[i].transits;
    float *late = malloc((count + 1) * sizeof *late), *copy = malloc((count + 1) * sizeof *copy);
    float *answers = malloc((calls + 1) * sizeof *answers), *silent = malloc((calls + 1) * sizeof *silent);
    count = 0;
    for (int i = 0; i < calls; i++) {
        struct caller *one = &callers[i];
        memcpy(copy, one->transit, one->transits * sizeof *copy);
        qsort(copy, one->transits, sizeof *copy, by_size);
        float median = part(copy, one->transits, 0.5);
        for (int n = 0; n < one->transits; n++) {
            late[count] = one->transit[n] - median;
            late5 += late[count] > 5, late20 += late[count] > 20;
            count++;
        }
        if (one->key_ended && one->prompt2_first > one->key_began)
            answers[keys++] = (one->prompt2_first - one->key_ended) / 1e6;
        if (one->key_began && one->prompt1_last)
            silent[cuts++] = (one->prompt1_last - one->key_began) / 1e6;
    }
    printf("{");
    print_share("late_ms", late, count);
    print_share("answer_ms", answers, keys);
    print_share("silent_ms", silent, cuts);
    printf("\"late5\": %.6f, \"late20\": %.6f, \"received\": %ld, \"missing\": %ld, \"sent\": %ld}\n",
           count ? (double)late5 / count : 0, count ? (double)late20 / count : 0, received, missing, sent);
    fflush(stdout);
    free(late), free(copy), free(answers), free(silent);
}

static int obey(char *line)
{
    int number, port;
    double rate;
    if (sscanf(line, "to %d %d", &number, &port) == 2 && number < calls) {
        callers[number].to.sin_port = htons(port);
        callers[number].is_on = port != 0;
    } else if (sscanf(line, "keys %lf", &rate) == 1) {
        int64_t now = clock_ns(CLOCK_REALTIME);
        for (int i = 0; i < calls; i++)
            callers[i].key_due = now + (int64_t)(i / rate * 1e9) + 1;
    } else if (!strncmp(line, "begin", 5)) {
        received = missing = sent = 0;
        for (int i = 0; i < calls; i++)
            callers[i].transits = 0;
        in_window = 1;
    } else if (!strncmp(line, "end", 3)) {
        in_window = 0;
        tell();
    } else {
        return strncmp(line, "quit", 4) != 0;
    }
    return 1;
}

static int obey_all(void)
{
    static char text[1 << 16];
    static int filled;
    int got = read(0, text + filled, sizeof text - 1 - filled);
    if (got == 0)
        return 0;
    if (got < 0)
        return 1;
    filled += got;
    char *from = text, *stop;
    while ((stop = memchr(from, '\n', text + filled - from))) {
        *stop = 0;
        if (!obey(from))
            return 0;
        from = stop + 1;
    }
    filled = text + filled - from;
    memmove(text, from, filled);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    int low = atoi(argv[1]), stamps = 1;
    calls = atoi(argv[2]);
    callers = calloc(calls, sizeof *callers);
    FILE *file = fopen(argv[3], "rb");
    if (!file)
        return 2;
    fseek(file, 0, SEEK_END);
    frames = ftell(file) / FRAME;
    rewind(file);
    voice = malloc(frames * FRAME);
    if (fread(voice, FRAME, frames, file) != (size_t)frames)
        return 2;
    mark1 = atoi(argv[4]), mark2 = atoi(argv[5]);
    for (int i = 0; i < calls; i++) {
        struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(low + 2 * i)};
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        callers[i].to = here;
        callers[i].place = i * 37;
        callers[i].stamp = i * 1000;
        callers[i].end = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        setsockopt(callers[i].end, SOL_SOCKET, SO_TIMESTAMPNS, &stamps, sizeof stamps);
        if (bind(callers[i].end, (struct sockaddr *)&here, sizeof here) != 0) {
            perror("bind");
            return 1;
        }
    }
    struct sched_param priority = {.sched_priority = 20};
    int is_prior = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
    fcntl(0, F_SETFL, O_NONBLOCK);
    printf("{\"ready\": %d, \"realtime\": %d}\n", calls, is_prior);
    fflush(stdout);
    int64_t due = clock_ns(CLOCK_MONOTONIC);
    for (long step = 0; obey_all(); step++) {
        for (int i = step % SLOTS; i < calls; i += SLOTS) {
            hear(&callers[i]);
            if (callers[i].is_on)
                say(&callers[i], i);
        }
        due += MS;
        struct timespec at = {due / 1000000000LL, due % 1000000000LL};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    }
    return 0;
}
