"""A crew without agents, by the contract that real ones keep.

Its result tells the settings. Of these "fail" is raised as an error, and
"seconds" are waited for, by a thread as the work of real crews is done.
"""
import asyncio
import time


class Output:
    def __init__(self, raw):
        self.raw = raw


class Crew:
    def work(self, inputs):
        print("demo begins")
        time.sleep(inputs.get("seconds", 0))
        if "fail" in inputs:
            raise ValueError(inputs["fail"])
        told = ", ".join("%s = %s" % pair for pair in inputs.items())
        return Output("demo was told " + (told or "nothing"))

    async def kickoff_async(self, inputs):
        return await asyncio.to_thread(self.work, inputs)


def create_crew(settings):
    return Crew()
