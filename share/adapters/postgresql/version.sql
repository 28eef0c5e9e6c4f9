SELECT value FROM :"schema".meta WHERE name = 'version'
