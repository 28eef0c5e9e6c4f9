// A Workers API that is none of ours: node workers-api.js DIR [PREFIX]
//
// It listens on a free port of 127.0.0.1 and writes that into DIR/port. What
// was asked of it goes to DIR/log, a line for each: METHOD PATH BODY, with what
// Authorization or X-Key says before the body. Before each request it reads
// DIR/jobs, an array of [TEXT, STATE] in JSON that is kept there from outside
// or by itself, TEXT being the JSON of a job, handed out as it is written; and
// DIR/mood, lines of "WHAT HOW", each used up by the first request of its kind
// (list, started, completed, failed, any):
//
//   500 or any other code   is the answer, nothing is done
//   done-500 or any other code   it is done, and then that is the answer
//   cut        the connection is cut before anything is done
//   done-cut   it is done, and then the connection is cut
//   slow       the answer comes 700 ms later
//   junk       the answer is no JSON
//   array, jobs, data, none   the shape of the list
//   named, blank   a 409 names the worker, or has an empty name
const fs = require('fs');
const http = require('http');
const path = require('path');

const [, , dir, prefix = ''] = process.argv;
const file = name => path.join(dir, name);
const read = name => {
	try {
		return fs.readFileSync(file(name), 'utf8');
	} catch {
		return '';
	}
};
const write = (name, text) => {
	fs.writeFileSync(file(name + '.new'), text);
	fs.renameSync(file(name + '.new'), file(name));
};
const workers = {};

const moodFor = kind => {
	const lines = read('mood').split('\n').filter(Boolean);
	const at = lines.findIndex(line => [kind, 'any'].includes(line.split(' ')[0]));
	if (at < 0)
		return '';
	const [line] = lines.splice(at, 1);
	write('mood', lines.map(l => l + '\n').join(''));
	return line.split(' ')[1];
};

const list = mood => {
	const texts = JSON.parse(read('jobs') || '[]')
		.filter(([, state]) => state === 'pending').map(([text]) => text);
	const array = '[' + texts.join(',\n') + ']';
	return mood === 'jobs' ? `{"total":${texts.length},"jobs":${array}}`
		: mood === 'data' ? `{"data": ${array}}`
		: mood === 'none' ? '{"rows":[]}' : array;
};

// The job goes from one state to the other, or the code that says why not.
const change = (id, step, body) => {
	const jobs = JSON.parse(read('jobs') || '[]');
	const job = jobs.find(([text]) => String(JSON.parse(text).id) === id);
	if (!job)
		return 404;
	if (job[1] === 'gone')
		return 410;
	if (job[1] !== (step === 'started' ? 'pending' : 'started'))
		return 409;
	job[1] = step;
	if (step === 'started')
		workers[id] = JSON.parse(body).worker;
	write('jobs', JSON.stringify(jobs));
	return 200;
};

const server = http.createServer((request, response) => {
	const chunks = [];
	request.on('data', chunk => chunks.push(chunk));
	request.on('end', () => {
		const body = Buffer.concat(chunks).toString();
		const [, id, step] =
			request.url.match(/\/api\/jobs\/([^/]+)\/(started|completed|failed)$/) || [];
		const listed = request.method === 'GET' &&
			request.url === prefix + '/api/jobs?status=pending';
		const auth = request.headers.authorization ?? request.headers['x-key'];
		fs.appendFileSync(file('log'),
			`${request.method} ${request.url} ${auth ? auth + ' ' : ''}${body}\n`);
		if (!listed && (!step || request.method !== 'POST' ||
			!request.url.startsWith(prefix + '/api/'))) {
			response.writeHead(404);
			response.end('no such route');
			return;
		}
		const mood = moodFor(listed ? 'list' : step);
		if (mood === 'cut') {
			request.socket.destroy();
			return;
		}
		let code = 200;
		if (/^\d+$/.test(mood))
			code = Number(mood);
		else if (step)
			code = change(decodeURIComponent(id), step, body);
		if (mood === 'done-cut') {
			request.socket.destroy();
			return;
		}
		if (/^done-\d+$/.test(mood))
			code = Number(mood.slice(5));
		let text = listed && code === 200 ? list(mood) : '{"success":true}';
		if (mood === 'junk')
			text = '{"jobs": [{';
		if (code === 409)
			text = JSON.stringify(mood === 'named' ? {worker: workers[id]}
				: mood === 'blank' ? {worker: ''} : {});
		setTimeout(() => {
			response.writeHead(code, {'content-type': 'application/json'});
			response.end(text);
		}, mood === 'slow' ? 700 : 0);
	});
});

server.listen(0, '127.0.0.1', () => write('port', `${server.address().port}\n`));
