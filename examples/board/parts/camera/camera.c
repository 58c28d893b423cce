#include <shutter.h>
#include <signal.h>
#include <stdio.h>
#include <sys/utsname.h>

/* camera MODEL LENS: says what it is, and stands by until it is told to end. */
int main(int argc, char **argv)
{
	struct utsname host;
	sigset_t end;
	int sig;

	if (argc != 3 || uname(&host) != 0)
		return 2;
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	printf("camera %s with lens %s on %s: 1/%d s\n", argv[1], argv[2], host.machine, 1000000 / shutter_fastest(argv[2]));
	fflush(stdout);
	sigwait(&end, &sig);
	return 0;
}
