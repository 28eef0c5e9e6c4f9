# A job line as jobq-claim prints it becomes the ending of its run.
{ match($0,/"id":"[^"]*"/); id=substr($0,RSTART,RLENGTH); match($0,/"lease":\{"epoch":[0-9]+,"worker":"[^"]*"/); l=substr($0,RSTART+9,RLENGTH-9); print "{\"event\":\"completed\"," id "," l ",\"n\":1,\"at\":\"2026-11-26T16:21:18.771Z\",\"exit\":0,\"seconds\":0.001,\"output\":1}" }
