/* The raw floor: what a durable delivery costs without any program around it.
 * A file is written under a temporary name, synced, renamed into new/ without
 * the power to overwrite, and the directory is synced.
 *
 *   floor once MAILDIR                  one delivery; to be started a thousand times
 *   floor many MAILDIR COUNT THREADS    prints deliveries per second
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *maildir;
static int each;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void deliver(int tmp, int new, const char *name, const char *body, size_t size) {
    int fd = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, body, size) != (ssize_t)size || fsync(fd) != 0)
        die(name);
    close(fd);
    if (syscall(SYS_renameat2, tmp, name, new, name, RENAME_NOREPLACE) != 0 || fsync(new) != 0)
        die(name);
}

/* As large as the same message with its header is in the real tree. */
static size_t body(char *out, size_t room) {
    size_t size = 420;
    memset(out, 'x', size < room ? size : room);
    return size;
}

static void *client(void *number) {
    char path[4096], name[128], text[1024];
    size_t size = body(text, sizeof text);
    snprintf(path, sizeof path, "%s/tmp", maildir);
    int tmp = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "%s/new", maildir);
    int new = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tmp < 0 || new < 0)
        die(maildir);
    for (int i = 0; i < each; i++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(name, sizeof name, "%ld.%09ld.%d.%ld.%d.md", (long)now.tv_sec, now.tv_nsec, (int)getpid(), (long)number, i);
        deliver(tmp, new, name, text, size);
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "once") == 0) {
        maildir = argv[2];
        each = 1;
        client(0);
        return 0;
    }
    if (argc != 5 || strcmp(argv[1], "many") != 0) {
        fprintf(stderr, "floor once MAILDIR | floor many MAILDIR COUNT THREADS\n");
        return 2;
    }
    maildir = argv[2];
    int count = atoi(argv[3]), threads = atoi(argv[4]);
    pthread_t ids[256];
    struct timespec a, b;
    each = count / threads;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (long t = 0; t < threads; t++)
        if (pthread_create(&ids[t], NULL, client, (void *)t) != 0)
            die("pthread_create");
    for (int t = 0; t < threads; t++)
        pthread_join(ids[t], NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%.0f\n", each * threads / ((b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9));
    return 0;
}
