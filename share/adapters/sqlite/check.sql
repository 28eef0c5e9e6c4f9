-- What the doctor asks: one line a finding; at is the time by the clock of the
-- store.
SELECT '{"check":"integrity","ok":' || iif(quick_check = 'ok', 'true', 'false')
	|| ',"text":' || json_quote('quick_check says ' || quick_check) || '}'
FROM pragma_quick_check(1)
---
SELECT '{"check":"journal","ok":' || iif(journal_mode = 'wal', 'true', 'false')
	|| ',"text":' || json_quote('journal mode is ' || journal_mode) || '}'
FROM pragma_journal_mode
---
SELECT '{"check":"durability","ok":'
	|| iif(synchronous >= 2, 'true', 'false')
	|| ',"text":' || json_quote('synchronous is ' || CASE synchronous
		WHEN 0 THEN 'OFF' WHEN 1 THEN 'NORMAL' WHEN 2 THEN 'FULL'
		ELSE 'EXTRA' END) || '}'
FROM pragma_synchronous
---
SELECT '{"check":"schema","ok":true,"text":'
	|| json_quote('schema version ' || user_version) || '}'
FROM pragma_user_version
---
SELECT '{"check":"clock","ok":true,"text":"times are by this machine''s clock",'
	|| '"at":"' || strftime('%Y-%m-%dT%H:%M:%fZ', 'now') || '"}'
---
SELECT '{"check":"lapsed","ok":' || iif(count(*) = 0, 'true', 'false')
	|| ',"text":' || json_quote(count(*) || ' jobs whose lease ran out more'
		|| ' than a minute ago wait for a claim or jobq-admin reap')
	|| '}'
FROM job WHERE stage = 3 AND lease_until <
	CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
		- 60000
