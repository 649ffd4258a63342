/* cut_power FOLDER: what a power cut does to the file system that FOLDER lies on: everything that is not on the device yet, journal
 * included, is lost at once and for good (FS_IOC_SHUTDOWN without flushing the log; ext4, xfs, f2fs). Needs root; mount it anew afterwards. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define FS_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define NO_LOG_FLUSH 2u

int main(int argc, char **argv)
{
	uint32_t how = NO_LOG_FLUSH;
	int folder = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;

	if (folder < 0 || ioctl(folder, FS_IOC_SHUTDOWN, &how)) {
		perror("cut_power");
		return 1;
	}
	return 0;
}
