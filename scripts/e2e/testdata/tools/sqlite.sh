#!/bin/bash
# SQLite with its default journal: create, insert, update, roll back, grow, shrink, check.
set -euo pipefail
sqlite3 stations.db <<END
create table reading (station text, year integer, value real);
.mode csv
.import --skip 1 '$INPUTS/table.csv' reading
END
sqlite3 stations.db 'create index by_station on reading (station, year); select count(*), sum(year) from reading;'
sqlite3 stations.db "update reading set value = -value where station = 's07'; select round(sum(value), 3) from reading where station = 's07';"
sqlite3 stations.db 'begin; delete from reading; rollback; select count(*) from reading;'
sqlite3 stations.db 'delete from reading where year < 1990; vacuum; pragma integrity_check; select count(*) from reading;'
sqlite3 stations.db "explain query plan select * from reading where station = 's03';"
for year in 2001 2002 2003; do
	sqlite3 stations.db "insert into reading values ('new', $year, 1.5);"
done
sqlite3 stations.db "select * from reading where station = 'new';"
find . -type f | sort
