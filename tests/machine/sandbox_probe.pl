#!/usr/bin/perl
# Runs in a unit's place, with the unit's own sandbox, and says what that lets it do. One line for each thing found: "name value".
use strict;
use warnings;
use Socket;
use POSIX qw(uname);

my $machine = (uname())[4];
# mmap(2) and mprotect(2) by number, since Perl's core has no other door to them.
my ($mmap, $mprotect) = $machine eq 'x86_64' ? (9, 10) : (222, 226);

open my $devices, '<', '/proc/self/net/dev' or die "net/dev: $!\n";
my @devices = map { /^\s*([^:\s]+):/ ? $1 : () } <$devices>;
print "devices @devices\n";

for my $family ([inet => AF_INET], [inet6 => AF_INET6], [netlink => 16], [unix => AF_UNIX]) {
    print "socket-$family->[0] ", (socket(my $s, $family->[1], SOCK_STREAM, 0) || $!{EPROTONOSUPPORT} && $family->[0] ne 'inet' && $family->[0] ne 'inet6' ? 'allowed' : 'refused'), "\n";
}

# PROT_WRITE|PROT_EXEC at once, and PROT_EXEC later: a program that needs neither cannot be made to run what it wrote.
my $both = syscall($mmap, 0, 4096, 7, 0x22, -1, 0);
print 'write-and-execute ', ($both == -1 ? 'refused' : 'allowed'), "\n";
my $page = syscall($mmap, 0, 4096, 3, 0x22, -1, 0);
print 'execute-later ', ($page == -1 || syscall($mprotect, $page, 4096, 5) == -1 ? 'refused' : 'allowed'), "\n";

# Every folder that this process may write to, found by trying all mounts and the usual places.
open my $mounts, '<', '/proc/self/mountinfo' or die "mountinfo: $!\n";
my %places = map { $_ => 1 } ((map { (split)[4] } <$mounts>), qw(/tmp /var/tmp /dev/shm /run /home /root /etc /usr /var/lib/barbossa /var/lib/barbossa/music /srv));
for my $place (sort keys %places) {
    next unless -d $place;
    my $copy = "$place/.sandbox-probe";
    next unless open my $file, '>', $copy;
    print $file "#!/bin/sh\nexit 0\n";
    close $file;
    chmod 0755, $copy;
    no warnings 'exec';
    my $ran = system { $copy } $copy;
    print "writable $place\n";
    print "executes $place\n" if $ran == 0;
    unlink $copy;
}

my $home;
my @homes = opendir($home, '/home') ? grep { !/^\./ } readdir $home : ();
print 'home ', (@homes ? 'visible' : 'hidden'), "\n";
opendir my $proc, '/proc' or die "proc: $!\n";
my @others = grep { /^\d+$/ && $_ != $$ && $_ != getppid } readdir $proc;
print 'others ', (@others ? 'visible' : 'hidden'), "\n";
print 'proc-sys ', (-e '/proc/sys' ? 'visible' : 'hidden'), "\n";
print 'environment ', join(',', sort grep { /PASSWORD|SECRET|TOKEN|KEY/ } keys %ENV), "\n";
if (opendir my $credentials, $ENV{CREDENTIALS_DIRECTORY} // '/nonexistent') {
    print 'credentials ', join(',', sort grep { !/^\./ } readdir $credentials), "\n";
}

# PostgreSQL by who one is, without a password: its start-up message (protocol 3.0), and what it answers.
my $database = '/run/postgresql/.s.PGSQL.5432';
my $door;
if (-S $database && socket($door, AF_UNIX, SOCK_STREAM, 0) && connect($door, pack_sockaddr_un($database))) {
    my $who = getpwuid $>;
    my $asked = pack('N', 196608) . "user\0$who\0database\0" . ($who eq 'barbossa' ? 'barbossa' : 'postgres') . "\0\0";
    syswrite $door, pack('N', 4 + length $asked) . $asked;
    sysread $door, my $answer, 9;
    # 'R' with a zero: let in.
    print "login $who ", ($answer eq pack('aNN', 'R', 8, 0) ? 'let-in' : 'refused'), "\n";
}

# A staged file must reach the library by rename and by link: one mount.
my $music = '/var/lib/barbossa/music';
if (open my $staged, '>', "$music/downloads/.sandbox-probe") {
    close $staged;
    print 'staging-to-library ', (link("$music/downloads/.sandbox-probe", "$music/artists/.sandbox-probe") ? 'linked' : "$!"), "\n";
    unlink "$music/downloads/.sandbox-probe", "$music/artists/.sandbox-probe";
}
print "end\n";
