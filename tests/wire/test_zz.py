import time
import pytest
from tests.wire.lives_on_the_wire import *
WHERE={"card":{"make":r"POST /v1/payment_intents$","take":r"POST .*/confirm$","look":r"GET /v1/payment_intents/"},"paypal":{"make":r"POST /v2/checkout/orders$","take":r"POST .*/capture$","look":r"GET /v2/checkout/orders/","token":"POST /v1/oauth2"}}
FA={"lost_before":{"kind":"lost_before"},"lost_after":{"kind":"lost_after"},"slow":{"kind":"slow","seconds":SLOW_SECONDS},"garbage":{"kind":"garbage"},"429":{"kind":"status","status":429},"500":{"kind":"status","status":500},"401":{"kind":"status","status":401}}
async def test_a(town):
    tw=town
    for m in ("card","paypal"):
      for where,at in WHERE[m].items():
       for name,f in FA.items():
        for times in (1,6):
            if name=="slow" and times==6: continue
            t=time.time()
            w=tw.stripe.wire if m=="card" else tw.paypal.wire
            if where=="token": tw.paypal.expire_tokens(); 
            w.break_(at,**f,times=times)
            if where=="look": w.break_(WHERE[m]["take"],"lost_after")
            l=await begun_in(tw,"photo-monthly",f"x-{m}-{time.time_ns()}",methods=(m,))
            await l.until("2026-01-15T12:00")
            print(m,where,name,times,l.taken(),await l.booked(),await l.charges(),await l.stage.books.audit(l.id), (await l.state()).attention,[x.times for x in w.faults],round(time.time()-t,2),flush=True)
            await tw.quiet()
            tw.mended()
