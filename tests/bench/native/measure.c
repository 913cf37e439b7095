// measure -o OUT.json [-n NETNS] [-H HOSTS] [-u UID] [-t SECONDS] -- command args...
// Runs one command (optionally inside a named network namespace, with a
// private /etc/hosts, as another user) and writes wall time, user+sys CPU of the whole waited-for
// tree, the largest single process's peak RSS and the I/O counters as JSON.
// It exists because ru_maxrss survives exec: a command forked from a large
// Python process would report that process's RSS. This parent is < 2 MB.
// The clock and the CPU count from the exec on: entering namespaces is not the command's work.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
static void die(const char *what) { perror(what); _exit(125); }
static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }
struct start { double at, user, sys; };      // of the child, at its exec
static pid_t child;
static volatile sig_atomic_t timed_out;
static void on_alarm(int s) { (void)s; timed_out = 1; kill(-child, SIGKILL); kill(child, SIGKILL); }
static void on_term(int s) { kill(-child, s); }

int main(int argc, char **argv) {
  const char *out = NULL, *ns = NULL, *hosts = NULL;
  int limit = 0, uid = 0, c;
  while ((c = getopt(argc, argv, "+o:n:H:t:u:")) != -1) {
    if (c == 'o') out = optarg;
    else if (c == 'n') ns = optarg;
    else if (c == 'H') hosts = optarg;
    else if (c == 't') limit = atoi(optarg);
    else if (c == 'u') uid = atoi(optarg);
    else return 125;
  }
  if (!out || optind >= argc) { fprintf(stderr, "usage: measure -o OUT [-n NS] [-H HOSTS] [-u UID] [-t S] -- cmd\n"); return 125; }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int started[2];
  if (pipe2(started, O_CLOEXEC) < 0) die("pipe");
  child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    setsid();
    if (ns) {
      char p[256];
      snprintf(p, sizeof p, "/var/run/netns/%s", ns);
      int fd = open(p, O_RDONLY | O_CLOEXEC);
      if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) die("setns");
    }
    if (hosts) {
      if (unshare(CLONE_NEWNS) < 0) die("unshare");
      if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) die("mount private");
      if (mount(hosts, "/etc/hosts", NULL, MS_BIND, NULL) < 0) die("mount hosts");
    }
    if (uid && (setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0)) die("setuid");
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    struct start s = {now(), seconds(own.ru_utime), seconds(own.ru_stime)};
    if (write(started[1], &s, sizeof s) != sizeof s) die("write");
    execvp(argv[optind], argv + optind);
    die(argv[optind]);
  }
  close(started[1]);
  struct start s;
  if (read(started[0], &s, sizeof s) != sizeof s) return 125;   // it has said why
  signal(SIGALRM, on_alarm);
  signal(SIGTERM, on_term);
  signal(SIGINT, on_term);
  if (limit) alarm(limit);
  siginfo_t si;
  while (waitid(P_PID, child, &si, WEXITED | WNOWAIT) < 0 && errno == EINTR) {}
  double t1 = now();
  alarm(0);
  char io[1024] = "", path[64];
  snprintf(path, sizeof path, "/proc/%d/io", child);
  int fd = open(path, O_RDONLY);
  if (fd >= 0) { ssize_t n = read(fd, io, sizeof io - 1); if (n > 0) io[n] = 0; close(fd); }
  double rq = 0;                               // time the main thread was runnable but had no CPU
  snprintf(path, sizeof path, "/proc/%d/schedstat", child);
  FILE *ss = fopen(path, "r");
  if (ss) { double run; if (fscanf(ss, "%lf %lf", &run, &rq) != 2) rq = 0; fclose(ss); }
  int st = 0;
  struct rusage ru;
  waitpid(child, &st, 0);
  for (int i = 0; i < 200 && waitpid(-1, NULL, WNOHANG) >= 0; i++) usleep(10000);  // helpers it left behind: up to 2 s
  kill(-child, SIGKILL);                       // nothing of ours may outlive the run
  while (waitpid(-1, NULL, 0) > 0) {}
  getrusage(RUSAGE_CHILDREN, &ru);             // the tree, adopted orphans included
  FILE *f = fopen(out, "w");
  if (!f) die(out);
  int rc = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
  fprintf(f, "{\"wall\":%.6f,\"user\":%.6f,\"sys\":%.6f,\"maxrss_kb\":%ld,\"nvcsw\":%ld,\"nivcsw\":%ld,\"rc\":%d,\"timed_out\":%d,\"cpu_wait\":%.6f",
          t1 - s.at, seconds(ru.ru_utime) - s.user, seconds(ru.ru_stime) - s.sys,
          ru.ru_maxrss, ru.ru_nvcsw, ru.ru_nivcsw, rc, timed_out, rq / 1e9);
  for (char *l = strtok(io, "\n"); l; l = strtok(NULL, "\n")) {
    char *colon = strchr(l, ':');
    if (colon) { *colon = 0; fprintf(f, ",\"%s\":%s", l, colon + 2); }
  }
  fprintf(f, "}\n");
  fclose(f);
  return rc;
}
