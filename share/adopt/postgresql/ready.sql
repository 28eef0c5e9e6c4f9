-- Whether the row r can be claimed now.
r.:"state" = :'pending'
--if run_at
AND (r.:"run_at" IS NULL OR r.:"run_at" <= now())
--end
--if id_text
AND r.:"id" ~ '^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$'
--end
