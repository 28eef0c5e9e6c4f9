// One job: why it is where it is, its runs with what they wrote, its values as
// they were written, and the commands that do in a shell what is done here.

import { Failure, ask, base, follow, hasToken } from './api.js'
import { cancel, retry } from './act.js'
import { copy, draw, h } from './dom.js'
import { layOut } from './json.js'
import { filterOf } from './jobs.js'
import { Runs, endingOf } from './runs.js'
import { ago, clock, count, curlCommand, duration, instant, now, pushCommand, quote,
	span, visible } from './words.js'

const PAGE = 500
const UNFINISHED = new Set(['blocked', 'pending', 'running'])

// Waits between two tries to follow what happens.
const AGAIN_MS = [1000, 2000, 4000, 8000, 15000, 30000]

// Longer values are shown without colours; of still longer ones the beginning.
const COLOURED = 64 * 1024
const SHOWN = 256 * 1024

function wait(ms, signal) {
	return new Promise(resolve => {
		const timer = setTimeout(resolve, ms)
		signal.addEventListener('abort', () => {
			clearTimeout(timer)
			resolve()
		})
	})
}

function fillValue(place, raw) {
	if (raw.length > COLOURED) {
		place.append(visible(raw.slice(0, SHOWN)))
		if (raw.length > SHOWN)
			place.append(h('em', null, ` … ${raw.length} characters in ` +
				'all; Copy has them whole'))
		return
	}
	for (const [kind, text] of layOut(raw))
		place.append(kind === 'plain' ? text
			: h('span', { class: kind }, visible(text)))
}

export class Job {
	job = null
	runs = new Runs()
	stopped = new AbortController()
	following = false
	streams = true // until the server says that it has no stream of it
	live = '' // what is told of the stream
	values = new Map() // what the buttons copy

	constructor(place, params, page) {
		this.place = place
		this.page = page
		this.id = filterOf(params).id
		this.title = `Job ${this.id}`
	}

	stop() {
		this.stopped.abort()
	}

	// Reads no further, until it is asked to refresh while the page is live.
	hold() {
		this.stopped.abort()
		this.stopped = new AbortController()
		this.following = false
		this.live = ''
		this.draw()
	}

	// The job of this id, or the one whose id ends so.
	async find() {
		const one = { limit: 2, why: 1 }
		let { lines } = await ask('list', { ...one, by: 'ids',
			ids: [this.id] })
		if (lines.length === 0 && this.job === null && this.id.length >= 6)
			lines = (await ask('list', { ...one, by: 'tail',
				tail: this.id })).lines
		if (lines.length > 1)
			throw new Failure(`more than one id ends with ${this.id}`, 409)
		if (lines.length === 0)
			throw new Failure(this.job === null
				? `there is no job ${this.id}; finished ones are kept for ` +
					'a day, failed ones for a week'
				: `job ${this.id} is no longer kept`, 404)
		return lines[0]
	}

	async refresh() {
		this.job = await this.find()
		this.id = this.job.words('id')
		// What is followed needs no asking; a first time, and what ended, do.
		if (!this.following)
			await this.replay()
		this.draw()
		if (!this.following && this.streams && this.page.live &&
		    UNFINISHED.has(this.job.words('state')) &&
		    this.page.verbs.has('events'))
			this.follow()
	}

	async replay() {
		if (!this.page.verbs.has('events'))
			return
		for (let more = true; more;) {
			const page = await ask('events', { ids: [this.id], limit: PAGE },
				this.runs.last, 'since')
			page.lines.forEach(line => this.runs.take(line))
			more = page.more && page.lines.length > 0
		}
	}

	// Reads on until the job has ended; the list tells when it has. A server
	// without a stream for it, or away, is asked for events as before.
	async follow() {
		const { signal } = this.stopped
		this.following = true
		for (let tries = 0; !signal.aborted && this.page.live;) {
			const before = this.runs.last
			try {
				this.live = 'live'
				await follow(this.id, before, (line, seq) => {
					tries = 0
					if (this.runs.take(line, seq))
						this.drawSoon()
				}, signal)
			} catch (failure) {
				this.streams = failure.status !== 404
				if (!this.streams || signal.aborted)
					break
			}
			if (signal.aborted)
				break
			try {
				this.job = await this.find()
				await this.replay()
			} catch {
				// It is tried again, and the page tells that of itself.
			}
			if (!UNFINISHED.has(this.job.words('state')))
				break
			this.live = 'reading on'
			await wait(AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)],
				signal)
		}
		if (signal.aborted)
			return
		this.following = false
		this.live = ''
		this.drawSoon()
	}

	drawSoon() {
		this.soon ??= requestAnimationFrame(() => {
			this.soon = null
			if (!this.stopped.signal.aborted)
				this.draw()
		})
	}

	// A value that opens and closes, and is copied as it is.
	value(title, raw, key, open) {
		if (raw === undefined)
			return null
		this.values.set(key, raw)
		return h('details', { class: 'value', 'data-key': key, open },
			h('summary', null, title, h('small', null,
				` ${count(raw.length, 'character')}`)),
			h('button', { 'data-do': 'copy', 'data-value': key,
				'aria-label': `Copy ${title}` }, 'Copy'),
			h('pre', { 'data-own': `${key}:${raw.length}`, tabindex: 0,
				'data-value': key }))
	}

	ownValues() {
		const job = this.job
		const last = this.runs.list.find(run => run.ending?.raw('output') !==
			undefined || run.ending?.raw('base64') !== undefined)
		const own = [...job.members.keys()].filter(name => !KNOWN.has(name))
		return h('section', { 'aria-label': 'Values' },
			this.value('input', job.members.get('input'), 'input', true),
			last && this.value(`output of run ${last.number}`,
				last.ending.raw('output') ?? last.ending.raw('base64'),
				`output-${last.epoch}`, true),
			this.value('meta', job.raw('meta'), 'meta', false),
			own.map(name => this.value(visible(name), job.members.get(name),
				`own-${name}`, false)),
			this.value('the whole line', job.text, 'line', false))
	}

	facts() {
		const { job } = this
		const fact = (name, text) => text === '' ? []
			: [h('dt', null, name), h('dd', null, h('bdi', null,
				visible(text)))]
		const needs = job.raw('needs')
		const ids = needs && needs[0] === '[' ? JSON.parse(needs) : []
		const rescues = job.number('rescues') || 0
		return h('dl', { class: 'facts' },
			h('dt', null, 'queue'), h('dd', null, h('a', { href: 'jobs?queue=' +
				encodeURIComponent(job.words('queue')) },
			h('bdi', null, visible(job.words('queue'))))),
			h('dt', null, 'name'), h('dd', null, h('bdi', null,
				visible(job.words('name')))),
			fact('attempt', `${job.words('attempt')} of ` +
				job.words('max_attempts') +
				(rescues > 0 ? `, rescued ${rescues} ×` : '')),
			fact('priority', job.words('priority')),
			fact('key', job.words('key')), fact('flow', job.words('flow')),
			fact('timeout', job.raw('timeout') ? `${job.words('timeout')} s`
				: ''),
			fact('expires', job.words('expires_at')),
			ids.length > 0 && [h('dt', null, 'needs'), h('dd', null,
				ids.map((id, i) => [i > 0 && ', ', h('a', { href: 'jobs?id=' +
					encodeURIComponent(id) }, String(id))]))],
			fact('trace', job.words('trace')))
	}

	// When what happened, from the push to the end.
	timeline() {
		const { job } = this
		const steps = []
		const step = (at, text, shade, more) => {
			if (!Number.isNaN(at))
				steps.push({ at, text, shade, more })
		}
		const pushed = instant(job.words('pushed_at'))
		const due = instant(job.words('run_at'))
		step(pushed, 'pushed', 'pending')
		for (const run of [...this.runs.byEpoch.values()]) {
			step(run.began, `run ${run.number} ` +
				(run.started ? 'started' : 'seen'), 'running',
			`on ${run.worker}`)
			if (run.ending)
				step(run.ended, endingOf(run.ending),
					run.ending.words('event'),
					`ran ${this.lasted(run)}`)
		}
		for (const { at, line } of this.runs.notes)
			step(at, endingOf(line), line.words('event'), '')
		if (job.words('state') === 'pending' && due > now())
			step(due, 'due', 'scheduled')
		steps.sort((a, b) => a.at - b.at)
		return h('ol', { class: 'timeline' }, steps.map((one, i) =>
			h('li', { class: one.shade },
				h('time', { datetime: new Date(one.at).toISOString(),
					title: one.at > now() ? `in ${duration(one.at - now())}`
						: ago(one.at) }, clock(one.at)),
				h('span', null, visible(one.text),
					one.more && h('small', null, ` ${visible(one.more)}`)),
				h('small', { class: 'gap' }, i === 0 ? ''
					: one.at > now() ? `in ${duration(one.at - now())}`
						: `+${span(one.at - steps[i - 1].at)}`,
				i > 1 && i === steps.length - 1 && one.at <= now() &&
					` · ${span(one.at - steps[0].at)} in all`))))
	}

	lasted(run) {
		const seconds = run.ending?.number('seconds')
		if (seconds >= 0)
			return span(Math.max(seconds * 1000, 0.1))
		return span((run.ending ? run.ended : now()) - run.began)
	}

	progress(run) {
		const percent = Number(run.percent)
		if (run.percent === '' && run.note === '')
			return null
		return h('p', { class: 'progress' },
			run.percent !== '' && percent >= 0 && percent <= 100 &&
				h('progress', { max: 100, value: percent }),
			run.percent !== '' && ` ${visible(run.percent)} % `,
			h('bdi', null, visible(run.note)),
			run.data !== undefined && h('code', null,
				` ${visible(run.data.slice(0, 200))}`))
	}

	run(run, latest) {
		const { ending } = run
		const error = ending?.words('error') ?? ''
		const shade = ending ? ending.words('event') : 'running'
		const usage = ending ? ['user', 'sys'].filter(name =>
			ending.raw(name) !== undefined).map(name =>
			`${name} ${ending.words(name)} s`) : []
		if (ending && ending.number('max_rss') > 0)
			usage.push('memory ' +
				`${(ending.number('max_rss') / 1048576).toFixed(1)} MiB`)
		return h('details', { class: 'run', 'data-key': run.epoch,
			open: latest },
		h('summary', null, h('b', null, `run ${run.number}`), ' ',
			h('span', { class: `chip ${shade}` },
				ending ? endingOf(ending) : 'running'), ' ',
			h('small', null, `${ending ? 'after' : 'for'} ` +
				`${this.lasted(run)} on ${visible(run.worker)}`),
			error !== '' && h('span', { class: 'brief' },
				visible(error.split('\n')[0].slice(0, 200)))),
		error !== '' && h('pre', { class: 'error' }, visible(error)),
		this.progress(run),
		run.dropped > 0 && h('p', { class: 'hint' },
			`${run.dropped} older lines are not shown here.`),
		h('div', { class: 'log', role: 'log', tabindex: 0,
			'aria-label': `Output of run ${run.number}`,
			'data-own': `log-${run.epoch}`,
			hidden: run.lines.length === 0 }),
		run.lines.length === 0 && h('p', { class: 'hint' },
			ending ? 'It wrote nothing.' : 'Nothing was written yet.'),
		usage.length > 0 && h('p', { class: 'hint' }, usage.join(' · ')))
	}

	commands() {
		const { id } = this
		const state = this.job.words('state')
		const word = quote(id)
		const has = verb => this.page.verbs.has(verb)
		const { can } = this.page
		const waits = UNFINISHED.has(state)
		const curl = (verb, request) =>
			curlCommand(base.href, verb, request, hasToken())
		const all = [['show', `jobq-list ${word}`],
			has('events') && (waits ? ['follow', `jobq-watch ${word}`]
				: ['what happened', `jobq-watch --no-follow ${word}`]),
			can('cancel') && waits && ['cancel', `jobq-cancel ${word}`],
			can('retry') && ['retry', `jobq-retry ${word}`],
			this.page.writes && ['push again', pushCommand(this.job)],
			['show, by curl', curl('list', { by: 'ids', ids: [id], why: 1 })],
			can('cancel') && waits && ['cancel, by curl',
				curl('cancel', { ids: [id] })],
			can('retry') && ['retry, by curl', curl('retry', { ids: [id] })],
		].filter(Boolean)
		return h('details', { class: 'commands', 'data-key': 'commands' },
			h('summary', null, 'Commands for a shell'),
			h('dl', null, all.map(([name, text]) => {
				this.values.set(`command ${name}`, text)
				return [h('dt', null, name), h('dd', null,
					h('code', { tabindex: 0 }, text),
					h('button', { 'data-do': 'copy',
						'data-value': `command ${name}`,
						'aria-label': `Copy the command: ${name}` },
					'Copy'))]
			})))
	}

	buttons(state) {
		const stopping = this.job.inner('held').raw('cancel') !== undefined
		return h('div', { class: 'buttons' },
			this.page.can('cancel') && UNFINISHED.has(state) &&
				h('button', { 'data-do': 'cancel' },
					stopping ? 'Cancel again' : 'Cancel'),
			this.page.can('retry') && state !== 'running' &&
				state !== 'completed' && state !== 'blocked' &&
				h('button', { 'data-do': 'retry' }, state === 'pending'
					? 'Run now' : 'Retry'),
			h('button', { 'data-do': 'copy', 'data-value': 'id' }, 'Copy id'))
	}

	draw() {
		const state = this.job.words('state')
		const runs = this.runs.list
		this.values.set('id', this.id)
		draw(this.place,
			h('h1', { class: 'job' }, h('span', { class: `chip ${state}` },
				state), ' ', h('bdi', null, visible(this.job.words('name'))),
			h('small', null, h('code', null, this.id))),
			h('p', { class: 'why', hidden: !this.job.raw('why') },
				visible(this.job.words('why'))),
			this.buttons(state), this.facts(),
			h('h2', null, 'Timeline'), this.timeline(),
			h('h2', null, 'Runs', this.live && h('small', { class: 'live' },
				this.live)),
			this.runs.gap && h('p', { class: 'hint' },
				'Older events are no longer kept.'),
			!this.page.verbs.has('events')
				? h('p', { class: 'hint' }, 'This store keeps no events: ' +
					'what the runs wrote is not known.')
				: runs.length === 0 && h('p', { class: 'hint' },
					'It has not run yet.'),
			runs.map((run, i) => this.run(run, i === 0)),
			h('h2', null, 'Values'), this.ownValues(), this.commands())
		this.fill(runs)
	}

	// Fills what draw() leaves alone.
	fill(runs) {
		for (const place of this.place.querySelectorAll('pre[data-own]'))
			if (place.childNodes.length === 0)
				fillValue(place, this.values.get(place.dataset.value))
		for (const run of runs)
			this.fillLog(run, this.place.querySelector(
				`[data-own="log-${CSS.escape(run.epoch)}"]`))
	}

	// Adds the lines that are new, and stays at the end if it was there.
	fillLog(run, place) {
		const all = run.dropped + run.lines.length
		const shown = Number(place.dataset.shown ?? 0)
		const first = Math.max(shown, run.dropped)
		place.hidden = all === 0
		if (all === shown)
			return
		const atEnd = place.scrollTop + place.clientHeight >=
			place.scrollHeight - 8
		place.append(...run.lines.slice(first - run.dropped).map(
			({ stream, text }) => h('div', { class: stream === 'stdout' ? ''
				: stream === 'stderr' ? 'stderr' : 'about' }, text || ' ')))
		while (place.childElementCount > run.lines.length)
			place.firstElementChild.remove()
		place.dataset.shown = all
		if (atEnd)
			place.scrollTop = place.scrollHeight
	}

	async do(what, button) {
		if (what === 'copy') {
			await copy(this.values.get(button.dataset.value))
			return
		}
		if (!await (what === 'cancel' ? cancel : retry)([this.id]))
			return
		this.streams = true
		await this.refresh()
	}
}

// Members that are told elsewhere on the page.
const KNOWN = new Set(['id', 'queue', 'name', 'input', 'meta', 'priority',
	'max_attempts', 'run_at', 'expires_at', 'timeout', 'key', 'needs', 'flow',
	'trace', 'attempt', 'state', 'pushed_at', 'held', 'ended', 'rescues', 'why'])
