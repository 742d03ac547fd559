import time
from tests.wire.lives_on_the_wire import *
async def test_a(town):
    tw=town
    for m in ("card","paypal"):
        for fault in (None,("confirm|capture","lost_after",{}),("confirm|capture","status",{"status":401,"times":6}),("payment_intents$|orders$","status",{"status":401,"times":6}),("payment_intents$|orders$","status",{"status":500,"times":14})):
            t=time.time()
            if fault:
                w=tw.stripe.wire if m=="card" else tw.paypal.wire
                w.break_(fault[0],fault[1],**fault[2])
            l=await begun_in(tw,"photo-monthly",f"x-{m}-{time.time_ns()}",methods=(m,))
            await l.until("2026-01-15T12:00")
            print(m,fault,l.taken(),await l.booked(),await l.charges(),await l.told(),await l.stage.books.audit(l.id), (await l.state()).attention,time.time()-t)
            await tw.quiet()
            tw.mended()
