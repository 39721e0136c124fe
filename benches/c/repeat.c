/* repeat COUNT PROGRAM ARG…: starts the program that often, one after the
 * other, and prints the seconds. A shell loop would cost as much as a send.
 * With REPEAT_STDIN each run reads that file. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

int main(int argc, char **argv) {
    const char *input = getenv("REPEAT_STDIN");
    struct timespec a, b;
    if (argc < 3)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = atoi(argv[1]); i > 0; i--) {
        posix_spawn_file_actions_t files;
        pid_t pid;
        int status;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, 0, input ? input : "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
        if (posix_spawnp(&pid, argv[2], &files, NULL, argv + 2, environ) != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            fprintf(stderr, "repeat: %s failed\n", argv[2]);
            return 1;
        }
        posix_spawn_file_actions_destroy(&files);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%.3f\n", (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9);
    return 0;
}
