// The runs of a job, gathered from its events: where and when each began, what
// it wrote, how it ended. A run is what happened under one epoch.

import { instant, plain } from './words.js'

const ENDINGS = new Set(['completed', 'failed', 'cancelled', 'released',
	'snoozed'])

// Lines of output that are kept of one run; the oldest go.
const LINES = 5000

export class Runs {
	byEpoch = new Map()
	notes = [] // what the store logged by itself, { at, text, seq }
	seen = new Set()
	last = '0' // cursor of the newest event
	gap = false

	// Takes an event once; whether it was new. Cursors are compared as texts,
	// being beyond what a number may hold.
	take(line, seq = line.words('seq')) {
		if (line.words('event') === 'gap') {
			this.gap = true
			return true
		}
		if (seq === '' || this.seen.has(seq))
			return false
		this.seen.add(seq)
		this.last = seq
		const event = line.words('event')
		const epoch = line.words('epoch')
		if (epoch === '')
			this.notes.push({ at: instant(line.words('at')), line })
		else if (event !== 'alive')
			this.takeOf(this.run(epoch, line), event, line)
		return true
	}

	run(epoch, line) {
		if (!this.byEpoch.has(epoch))
			this.byEpoch.set(epoch, { epoch, number: this.byEpoch.size + 1,
				worker: line.words('worker'),
				began: instant(line.words('at')), started: false,
				ending: null, ended: NaN, lines: [], dropped: 0,
				percent: '', note: '', data: undefined })
		return this.byEpoch.get(epoch)
	}

	takeOf(run, event, line) {
		const at = instant(line.words('at'))
		if (event === 'started') {
			run.began = at
			run.started = true
		} else if (event === 'output') {
			this.takeOutput(run, line)
		} else if (event === 'progress') {
			this.takeProgress(run, line)
		} else if (ENDINGS.has(event) && run.ending === null) {
			run.ending = line
			run.ended = at
			this.takeTails(run, line)
		}
	}

	add(run, stream, text) {
		for (const line of plain(text).split('\n'))
			run.lines.push({ stream, text: line })
		const over = run.lines.length - LINES
		if (over > 0) {
			run.lines.splice(0, over)
			run.dropped += over
		}
	}

	takeOutput(run, line) {
		const bytes = line.number('dropped')
		if (line.raw('base64') !== undefined)
			this.add(run, 'about', 'not text, base64: ' +
				line.words('base64').slice(0, 200))
		else
			this.add(run, line.words('stream') || 'stdout',
				line.words('text'))
		if (bytes > 0)
			this.add(run, 'about', `(${line.words('dropped')} bytes of ` +
				'this line were dropped)')
	}

	takeProgress(run, line) {
		if (line.raw('reason') !== undefined) {
			const error = line.words('error')
			this.add(run, 'about', `attempt ${line.words('attempt')} failed ` +
				`(${line.words('reason')})${error ? `: ${error}` : ''}, ` +
				`again after ${line.words('retry_after') || 0} s`)
			return
		}
		run.percent = line.words('percent')
		run.note = line.words('note')
		run.data = line.raw('data')
	}

	// The end of its output stands in an ending where nothing came before.
	takeTails(run, line) {
		if (run.lines.length > 0)
			return
		for (const stream of ['stdout', 'stderr']) {
			const tail = line.words(`${stream}_tail`)
			if (tail !== '')
				this.add(run, stream, tail.replace(/\n$/, ''))
		}
	}

	// The newest first.
	get list() {
		return [...this.byEpoch.values()].reverse()
	}
}

// "failed (exit 3)", of what ended a run.
export function endingOf(line) {
	const reason = line.words('reason')
	const number = line.words(reason === 'signal' ? 'signal' : 'exit')
	const event = line.words('event')
	if (reason === '')
		return event
	return `${event} (${reason}${number !== '' && event === 'failed'
		? ` ${number}` : ''})`
}
