/* What the kernel alone costs: a socket per call, read until empty and sent to every 20 ms, in quarters of 5 ms.
 * No codec, no recording, no bookkeeping: nothing that carries voice over UDP on this machine can be cheaper.
 * usage: media_floor FIRST_LOCAL_PORT FIRST_REMOTE_PORT CALLS SECONDS; prints CPU microseconds per call-second. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    int local = atoi(argv[1]), remote = atoi(argv[2]), calls = atoi(argv[3]);
    double seconds = atof(argv[4]);
    int *ends = calloc(calls, sizeof *ends);
    struct sockaddr_in *peers = calloc(calls, sizeof *peers);
    uint8_t packet[172] = {0x80, 8}, heard[2048];
    for (int i = 0; i < calls; i++) {
        struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(local + 2 * i)};
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        peers[i] = here;
        peers[i].sin_port = htons(remote + 2 * i);
        ends[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (bind(ends[i], (struct sockaddr *)&here, sizeof here) != 0) {
            perror("bind");
            return 1;
        }
    }
    int64_t due = now();
    double before = 0, began = 0;
    for (long step = 0; step < (long)((seconds + 1) * 200); step++) {
        if (step == 200) { /* the first second warms up */
            before = cpu_us();
            began = now() / 1e9;
        }
        for (int i = step % 4; i < calls; i += 4) {
            while (recv(ends[i], heard, sizeof heard, 0) > 0)
                ;
            sendto(ends[i], packet, sizeof packet, 0, (struct sockaddr *)&peers[i], sizeof peers[i]);
        }
        due += 5000000;
        struct timespec at = {due / 1000000000LL, due % 1000000000LL};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    }
    printf("%.1f\n", (cpu_us() - before) / (now() / 1e9 - began) / calls);
    return 0;
}
