SELECT * FROM :"schema".verb_push($1)
