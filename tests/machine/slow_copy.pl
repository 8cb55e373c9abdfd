#!/usr/bin/perl
# Copies folders the way a slow cable does: every file grows bit by bit, all in about SECONDS.
# usage: slow-copy SECONDS TARGET_DIR FOLDER…   (in Perl, since a minimal Debian has no Python)
# STALL_SECONDS in the environment: half-way, within a file, nothing moves for so long, as when a cable is pulled and put back.
use strict;
use warnings;
use File::Basename;
use File::Find;

my ($seconds, $target, @folders) = @ARGV;
umask 0002;
my (@files, $total_bytes);
for my $folder (@folders) {
    my $above = dirname($folder);
    find({ no_chdir => 1, wanted => sub {
        my $to = $target . substr($File::Find::name, length $above);
        if (-d $File::Find::name) { mkdir $to or die "$to: $!\n"; }
        else { push @files, [$File::Find::name, $to]; $total_bytes += -s _; }
    } }, $folder);
}
my $chunk_bytes = 1 + int($total_bytes / ($seconds * 20));
my $copied_bytes = 0;
my $stall_seconds = $ENV{STALL_SECONDS} // 0;
for my $file (sort { $a->[0] cmp $b->[0] } @files) {
    open my $in, '<:raw', $file->[0] or die "$file->[0]: $!\n";
    open my $out, '>:raw', $file->[1] or die "$file->[1]: $!\n";
    while (my $read = sysread $in, my $bytes, $chunk_bytes) {
        my $written = syswrite $out, $bytes;
        die "$file->[1]: $!\n" unless defined $written && $written == $read;
        $copied_bytes += $read;
        select undef, undef, undef, $seconds * $read / $total_bytes;
        if ($stall_seconds && $copied_bytes > $total_bytes / 2) {
            sleep $stall_seconds;
            $stall_seconds = 0;
        }
    }
    close $out or die "$file->[1]: $!\n";
}
