import time
import pytest
from dataclasses import replace
from domain.timeline import as_lines
from tests.wire.lives_on_the_wire import *
async def test_a(town):
    l=await begun_in(town,"hosting",f"h-{time.time_ns()}",card="pm_card_chargeCustomerFail")
    t=time.time()
    for u in ("2026-03-31T12:00","2026-04-10T12:00"):
        await l.until(u)
        print(u,time.time()-t)
    for x in as_lines(await l.entries(),"Europe/Berlin","EUR"): print(x)
    print(town.debitura.partner.cases(), await l.tasks(), await l.outbox("agency"))
    l=await begun_in(town,"photo-monthly",f"p-{time.time_ns()}",card="pm_card_chargeCustomerFail")
    t=time.time()
    await l.until("2026-01-16T12:00")
    print(await l.ask("usage", x=1) if 0 else "")
