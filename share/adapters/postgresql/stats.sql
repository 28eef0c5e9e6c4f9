SELECT * FROM :"schema".verb_stats($1)
