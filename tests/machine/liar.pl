#!/usr/bin/perl
# Stands where Redis should, and answers everything with nonsense. usage: liar.pl SOCKET
use strict;
use warnings;
use IO::Socket::UNIX;

my $door = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 64) or die "$ARGV[0]: $!\n";
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
while (my $guest = $door->accept) {
    next if fork;
    while (sysread $guest, my $asked, 4096) {
        syswrite $guest, "\x00\xffHTTP/1.1 200 *-7\r\n\$99999999999\r\n:none\r\n" or last;
    }
    exit;
}
