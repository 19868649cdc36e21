/* Answers -V like tcpreplay 4.4, on stderr. */
#include <net/if.h>
#include <pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#ifdef HAVE_NETMAP
#include <net/netmap.h>
#include <net/netmap_user.h>
#endif

int main(int argc, char **argv)
{
    const char *libpcap = strstr(pcap_lib_version(), "version ");

    if (argc != 2 || strcmp(argv[1], "-V") != 0) {
        fputs("This is a stand-in for tcpreplay: it sends nothing.\n", stderr);
        return 1;
    }
    fprintf(stderr, "tcpreplay version: %s (build stand-in)\n", VERSION);
    fprintf(stderr, "Compiled against libpcap: %s\n", libpcap ? libpcap + strlen("version ") : "?");
#ifdef HAVE_NETMAP
    fputs("Default injection method: PF_PACKET send()\n", stderr);
    fputs("Optional injection method: netmap\n", stderr);
#else
    fputs("Injection method: PF_PACKET send()\n", stderr);
    fputs("Not compiled with netmap\n", stderr);
#endif
    return 0;
}
