# Read by pt-online-schema-change (--plugin): waits while the file `pause` beside this one is there, before each chunk of rows and
# before the tables change places, and looks once a second. (Its own --pause-file is looked at once a minute.) And it ends the tool where a
# value was cut: by itself that would warn, once, and let the tables change places.
package pt_online_schema_change_plugin;
use strict;
use warnings;

my $pause = __FILE__;
$pause =~ s{[^/]*$}{pause};
my $link;
my $spoilt;

sub new {
    my ($class, %args) = @_;
    $link = $args{cxn};
    my $others = $SIG{__WARN__};
    $SIG{__WARN__} = sub {
        $spoilt = 1 if $_[0] =~ m/Copying rows caused a MySQL error/;
        ref $others eq 'CODE' ? $others->(@_) : warn @_;
    };
    for my $iterator ('NibbleIterator', 'OobNibbleIterator') {
        no strict 'refs';
        no warnings 'redefine';
        next unless defined &{"${iterator}::_next_boundaries"};
        my $next = \&{"${iterator}::_next_boundaries"};
        *{"${iterator}::_next_boundaries"} = sub { hold(); goto &$next };
    }
    return bless {}, $class;
}

sub before_copy_rows   { hold() }
sub before_swap_tables { hold() }

sub hold {
    die "Values don't fit the new table: greylag has the tool end here\n" if $spoilt;
    my $waited = 0;
    while (-e $pause) {
        print "Waiting: greylag's lag gates hold\n" unless $waited;
        # A connection that nobody uses is closed by the server.
        eval { $link->dbh()->do('SELECT 1') } if $link && $waited % 30 == 0;
        $waited++;
        sleep 1;
    }
    print "Going on after $waited s\n" if $waited;
}

1;
