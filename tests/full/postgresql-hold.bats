#!/usr/bin/env bats
# What must hold where jobs are in PostgreSQL, with many workers and rows; in
# small it is in ../postgresql-hold.bats and ../postgresql-outside.bats.

load ../support/postgresql

@test "postgresql: sixteen workers claim none of 20,000 jobs twice" {
	workers 16 20000
}

@test "postgresql: hot statements walk indexes among 400,000 rows" {
	hot_plans 200000 100000 100000
}
