/* Cuts the power of a mounted ext4: EXT4_IOC_SHUTDOWN without a log flush,
 * as xfstests' src/godown does. What was not synced is gone afterwards. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define NOLOGFLUSH 2u

int main(int argc, char **argv) {
    uint32_t flags = NOLOGFLUSH;
    int fd = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
    if (fd < 0 || ioctl(fd, EXT4_IOC_SHUTDOWN, &flags) != 0) {
        perror("power_cut MOUNT-POINT");
        return 1;
    }
    return 0;
}
