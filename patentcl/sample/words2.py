"""The vocabulary of the synthetic corpus, sections E to H and Y; `_sample_words` tells the form."""

from __future__ import annotations

# ruff: noqa: E501 -- a table: one record a line

BUILDING_TO_ELECTRICITY = """
# E02F mech | DREDGING; MOVING OF SOIL | excavation
thing excavator|work_machine; construction|earth-moving machine; dredging|loading apparatus
part boom|arm: swing above the excavation; bucket|shovel: scoop the soil; hydraulic|boom cylinder: raise the boom; swing|upper structure: rotate on the undercarriage; hydraulic|main pump: deliver pressure oil; operator|control lever: command the speed of the boom
gain save fuel; lighten the load on the operator; raise digging accuracy; avoid shocks on stopping
near F16H B62D A01B E21B
@ 9/00 = Parts of digging machines
2095 Control of electric or hybrid drives = swing|electric turning motor: recover energy of the swinging body; engine|pump matching map: fit pump torque to the engine speed
226 Safety of hydraulic drives = relief|overload valve: drain excess pressure; regeneration|holding valve: stop the boom from dropping
26 Displays and indicators = >machine|grade guidance screen: show the bucket tip over the design surface; >bucket|inclination sensor: give the angle of the bucket
@ 3/00 = Digging machines
435 Control of dipper arms and backhoes = >target|semi-automatic controller: hold the bucket edge on the slope; stick|dipper link: pull the bucket toward the cab
905 Suction pipes of dredgers = suction|dredge pipe: draw sand from the sea bed; cutter|drag head: loosen the bottom; dredge|slurry pump: pump the mixture to the hopper

# E04B mech | BUILDING IN GENERAL; WALLS; CEILINGS; INSULATION | building construction
thing building|wall structure|system; construction|building panel; ceiling system
part stud|post: stand on the floor track; anchor|fastener: tie the panel to the frame; concrete|mortar: set in the formwork; insulation|mineral_wool: fill the cavity; sheathing|gypsum board: cover the framing; floor|bottom track: receive the lower ends
gain speed up erection; prevent thermal bridges; resist fire; withstand earthquakes
near B32B E05B F24F
tags Y02A30/24:2
@ 1/00 = Buildings in general
80 Insulation as slabs = insulating|sandwich slab: slow heat flow through the facade; vapor|air barrier: keep moist air from the wall
40 Connecting parts = beam|column connector: carry shear load to the column; damper|steel brace: dissipate seismic energy
@ 2/00 = Walls
46 Blocks that interlock = hollow|masonry block: stack without mortar; tongue|projection: key into the next course
58 Walls with metal members = metal|C-shaped stud: hold the drywall; partition|glazed panel: divide the office
@ 9/00 = Ceilings
02 Ventilated ceilings = suspended|ceiling tile: rest on the grid flanges; main_runner|grid_tee: hang from hanger wires

# E05B mech | LOCKS; HANDCUFFS | locks
thing lock|locking_device|latch; door|vehicle latch assembly; electronic|smart lock
part bolt|latch: project into the strike; key|cylinder plug: turn the cam; door handle|knob: withdraw the bolt; strike|keeper plate: receive the bolt; return|coil spring: push the bolt outward; lock case|housing: guard against drilling
gain deter burglars; open in an emergency; work without a key; keep the door from rattling
near E04B B62D H04W
tags Y10T292/10:3 Y10T70/50:3
@ 47/00 + Locks moved by electric or magnetic means
0012 With rotary motors = >gear|lock motor: drive the deadbolt; >keypad|code reader: accept an entry code
0002 With electromagnets = solenoid|electromagnet: free the locking pawl; armature|magnet plate: hold the door shut
@ 81/00 = Power locks of vehicles
77 Sensing of the door = catch|claw: grip the striker of the car door; pawl|ratchet: hold the catch closed
56 Control of actuators = cinching|closing actuator: pull the door home; >key_fob|passive_entry antenna: wake the lock as the driver nears
@ 65/00 - Locks for special uses
0014 Child safety locks = child|cabinet catch: stop children from opening drawers; drawer|gun-safe bar: bolt several drawers

# E21B mech | DRILLING; GETTING OIL, GAS AND WATER FROM WELLS | well drilling and production
thing downhole|well tool|apparatus; drilling assembly|system; method of treating a subterranean formation
part drill|tubing string: reach down the borehole; casing|liner: line the wellbore; packer|annular_seal: close the annulus; surface|rig pump: circulate drilling mud; sub|collar: thread into the string; formation|reservoir rock: hold hydrocarbons
gain raise oil recovery; save rig time; survive high downhole temperature; prevent a blowout
near G01S C09D E02F
@ 43/00 = Getting oil, gas and water
26 Fracturing the rock = >fracturing|frac fluid: crack the rock; >proppant|sand: keep fractures open; >frac|sliding sleeve: open a port at each stage
24 Heating with steam = steam|injection well: warm the heavy oil; bitumen|viscous_crude_oil: drain to the producer
34 Separating what is produced = gravel|sand screen: keep sand from the tubing; inflow|choke valve: even out flow along the well
@ 47/00 = Surveying boreholes
18 Signals sent through the mud = mud|pulse valve: send pressure pulses up the mud; logging|measurement collar: record data while drilling
07 Temperature in wells = >fiber|distributed sensor: read temperature along the well; wireline|memory gauge: store downhole pressure
@ 10/00 = Drill bits
43 Placement of teeth = polycrystalline|PDC cutter: shear the rock; bit|blade body: hold rows of cutters; roller|tricone: crush hard rock

# F01D mech | TURBINES AND OTHER NON-POSITIVE DISPLACEMENT ENGINES | turbines
thing gas|steam turbine; turbine engine; turbine|rotor blade; turbine component|assembly
part rotor|disk: spin about the engine axis; blade|airfoil: turn the hot gas; platform|shroud: bound the gas path; casing|outer_case: surround the stages; vane|nozzle: guide gas to the blades; compressor|bleed stage: supply cooling air
gain raise turbine efficiency; withstand high gas temperature; lengthen blade life; reduce leakage flow
near F02M C22C F03D B64C
tags Y02T50/60:4
@ 5/00 = Blades and their carriers
187 Cooling by convection = serpentine|cooling passage: lead air through the airfoil; turbulator|pin fin: stir the cooling air
186 Cooling by a film = film|cooling hole: lay cool air over the blade surface; diffuser|shaped outlet: slow the jet
282 Blades of composite = ceramic_matrix|CMC ply: bear heat without cooling; dovetail|root: slide into the disk slot
@ 11/00 = Sealing inside turbines
08 Blade tip clearances = abradable|honeycomb seal: wear under the blade tip; tip_clearance|shroud actuator: move the shroud segment
003 Packing rings = brush|labyrinth seal: throttle the leakage; feather|spline strip: bridge the gap of neighboring segments
@ 25/00 = Other parts of turbines
24 Casings = turbine|half shell: bolt along a split line; exhaust|bearing strut: support the bearing
18 Lubrication = oil|scavenge pump: return oil from the sump; bearing|damper chamber: hold an oil film

# F02M mech | SUPPLYING COMBUSTION ENGINES WITH FUEL OR COMBUSTIBLE MIXTURES | fuel and air supply of engines
thing fuel_injection_valve|fuel_injector; fuel supply|feed system; exhaust gas recirculation system; internal combustion engine
part fuel|common rail: store fuel under pressure; high-pressure|fuel pump: pressurize fuel; intake|inlet manifold: feed air to the cylinders; engine|electronic control unit: time the injection; combustion chamber|space: burn the mixture; fuel|delivery line: join the tank to the engine
gain cut exhaust emissions; save fuel; burn the mixture more fully; silence the injector
near F01D B01D F16H B60L
tags Y02T10/12:6 Y02T10/40:3
@ 26/00 + Feeding exhaust gas back to the engine
23 Layout of the loop = EGR|recirculation valve: meter exhaust into the intake; turbocharger|turbine: drive intake air
28 Coolers for the gas = EGR|exhaust cooler: chill the recirculated gas; bypass|flap duct: lead gas around the cooler
@ 61/00 = Injectors
18 Nozzles with valve seats = nozzle|injector needle: lift from the valve seat; spray|orifice hole: atomize fuel; solenoid|piezo stack: pull the needle up
14 Placing of injectors in the engine = injector|cup clamp: hold the injector in the head; sealing|combustion washer: keep gas from the bore
@ 37/00 - Feeding of liquid fuel
22 Cleaning liquid fuel = fuel|diesel filter: separate water from diesel; tank|in-tank module: keep fuel at the pickup
20 Against vapor = evaporative|charcoal canister: trap fuel vapor; purge|vent valve: draw vapor to the engine

# F03D mech | WIND MOTORS | wind power
thing wind turbine|power_plant; wind_energy_converter; wind turbine blade|rotor
part nacelle|machine_house: sit on the tower; tower|mast: hold the nacelle aloft; rotor|main shaft: turn the generator; hub|spinner: carry the blades; turbine|wind generator: feed current to the grid; yaw|azimuth drive: face the rotor into the wind
gain raise the annual energy yield; lower loads on the tower; reduce noise|sound emission; cut maintenance cost
near F01D H02J F16H
tags Y02E10/72:8
@ 1/00 + Turbines with an axis along the wind
0675 Blades = spar|shell web: stiffen the blade; vortex|serrated trailing edge: quieten the blade tip
0658 Fastening of blades = blade|root bolt: clamp the root to the hub; pitch|slewing bearing: let the blade turn
@ 7/00 + Control of wind turbines
0224 Pitching of blades = pitch|blade_angle actuator: feather the blades in storms; lidar|wind preview sensor: see gusts ahead
048 Control of wind farms = >park|farm controller: share the power set point; >wake|inflow model: steer wakes off the neighbors
@ 80/00 = Parts of wind turbines
50 Upkeep and repair = service|nacelle crane: lower worn parts to the ground; rope|blade robot: mend the leading edge
30 Lightning = lightning|receptor conductor: lead the strike to ground

# F16H mech | GEARING | power transmission
thing gear|transmission|gearbox; speed reducer; automatic|continuously_variable transmission
part input|drive shaft: take up engine torque; output|driven shaft: turn the load; gear|transmission case: enclose the gears; bearing|bush: journal the shaft; clutch|friction element: join the shaft with the gear; lubricating|gear oil: wet the tooth flanks
gain lower friction losses; shift without jerk; run quietly; make the drive compact
near F02M B62D E02F F03D
tags Y10T74/11:2 Y02T10/62:2
@ 57/00 = Parts of gearings
0413 Cooling and oiling = oil|scavenge catcher: collect splashed oil; gear|oil cooler: shed heat of the oil
082 Planet carriers = planet|pinion carrier: space the planet gears; planet|pinion pin: hold a planet gear
@ 61/00 = Control of shifting
0403 Synchronizing before a shift = synchronizer|blocker ring: match the speed of the gears; shift|selector fork: slide the sleeve
32 Electric shift actuators = >shift|gear actuator motor: rotate the shift drum; park|ratchet rod: lock the parking gear
0213 Choosing the ratio = shift|ratio map: pick a gear from speed and load; hydraulic|line_pressure solenoid: fill the clutch
@ 3/00 = Gearings with changeable ratio
006 Two clutches = dual|twin clutch: preselect the next gear; counter|lay shaft: carry the odd gears
727 With two electric machines = sun|ring gear: split power with the electric machine; >motor|generator: vary the ratio without steps

# F16L mech | PIPES; JOINTS OF PIPES | pipes and couplings
thing pipe|fluid|tube coupling|connector; hose|flexible_pipe; quick|push-in connector
part body|sleeve: surround the pipe end; O-ring|seal: prevent leakage; socket|female_part: receive the plug; collar|ferrule: bite on the tube; port|bore: pass the fluid; retainer|clip: snap behind the flange
gain join pipes without tools; withstand bursting pressure; show correct assembly; stay flexible in the cold
near F02M A61M E21B
@ 37/00 = Quick couplings
22 Balls and rollers that hold = locking|detent ball: drop into the groove of the plug; locking|release sleeve: free the plug when pulled back
38 With shut-off in one part = poppet|shutoff valve: close when the plug is removed; stem|probe: push the valve open
248 Bayonet joints = bayonet|cam lug: turn into the slot
@ 11/00 = Hoses
08 Reinforcement in the wall = braid|cord ply: take up the pressure; inner|liner tube: resist hot oil; rubber|elastomer cover: shield the hose from weather
20 Hoses in hoses = concentric|outer hose: jacket the inner hose; garden|expandable sleeve: lengthen under pressure

# F24F mech | AIR-CONDITIONING; HUMIDIFICATION; VENTILATION | air conditioning
thing air_conditioner|air_conditioning_apparatus; ventilation|air_handling unit; indoor|air-conditioning unit
part fan|blower: move air through the unit; heat_exchanger|cooling_coil: cool the air; housing|casing: form the air passage; outlet|louver: aim the air into the room; air|dust filter: clean the return air; drain|condensate pan: collect condensed water
gain keep the room comfortable; save electricity; lower the noise of the fan; clean the room air
near F25B E04B H04L
tags Y02B30/70:3
@ 11/00 + Control and safety of air conditioning
64 Using stored data = >occupancy|comfort model: learn when rooms are used; >thermostat|room_controller: set back the temperature of empty rooms
77 Speed of fans = fan|inverter drive: slow the fan near the set point; static|duct pressure sensor: tell the fan how much air is wanted
@ 1/00 = Room units
0007 Indoor units = wall|indoor chassis: hang on the wall; cross-flow|tangential impeller: blow air along the coil; vane|flap motor: swing the air flow
027 Units set in windows = window|sash frame: fit the unit in a window
@ 13/00 = Common parts of air-conditioning
222 Leading off condensate = drain|lift pump: raise condensate to the drain; float|water switch: stop cooling when the pan is full
24 Quieting = muffler|acoustic lining: soak up duct noise

# F25B mech | REFRIGERATION MACHINES; HEAT PUMPS | refrigeration
thing refrigeration|refrigerating cycle|apparatus; heat_pump|chiller; refrigerant circuit
part compressor: squeeze refrigerant vapor; condenser|gas_cooler: give off heat; evaporator|cold coil: take up heat; expansion|throttle valve: drop the pressure of the refrigerant; accumulator|receiver: hold liquid refrigerant; refrigerant|working_fluid: flow round the circuit
gain raise the coefficient of performance; keep oil in the compressor; use a refrigerant of low warming potential; shorten defrosting
near F24F D06F B60L
tags Y02B30/12:2
@ 13/00 = Cycles that can be reversed
00 Reversible machines = four-way|reversing valve: swap heating and cooling; defrost|hot-gas line: melt frost on the outdoor coil
@ 30/00 + Heat pumps
06 By source of heat = ground|brine loop: draw heat from the earth; buffer|hot_water tank: store heat for the house
04 Sorption heat pumps = absorber|generator: boil refrigerant from solution; lithium_bromide|ammonia solution: absorb vapor
@ 49/00 = Control and safety of refrigeration
022 Control of compressors = inverter|variable_speed drive: trim compressor speed to the load; superheat|discharge sensor: report superheat at the suction port
005 Safety devices = >leak|flammable_gas detector: shut the circuit on a refrigerant leak

# G01N elec | INVESTIGATING MATERIALS BY THEIR CHEMICAL OR PHYSICAL PROPERTIES | analysis of materials
thing analysis|measuring apparatus|system|device; sensor|sensing_element; inspection|testing method
part sample|specimen holder: hold the specimen; detector|measuring_cell: turn the response into a signal; signal|evaluation unit: compute the concentration; reference|calibration standard: correct drift; sample|test chamber: enclose the sample; fluid|sampling pump: draw in the sample
gain detect traces; shorten the time of analysis; work without calibration; tell apart similar substances
near A61B G02B H01L C07K
@ 33/00 = Particular methods
56911 Finding bacteria = capture|immobilized antibody: bind the antigen of the pathogen; lateral-flow|test strip: show a colored line; labeled|gold conjugate: mark bound analyte
0037 Nitrogen oxides = metal-oxide|gas sensor chip: change its resistance in gas; heater|hot membrane: keep the oxide at working temperature
18 Water quality = turbidity|chlorine probe: check drinking water on line
@ 21/00 = With light
88 Flaws and dirt = line|inspection camera: look for defects on the surface; dark-field|strobe light: make scratches bright; defect|flaw classifier: sort images of flaws
3504 Gases = infrared|tunable laser: shine through the gas; absorption|multipass cell: fold the light path
359 Near infrared = near-infrared|NIR spectrometer: split reflected light; chemometric|regression model: predict the moisture of grain
@ 27/00 = With electric or magnetic means
419 Oxygen pumps = zirconia|solid electrolyte: conduct oxygen ions; pump|oxygen cell: set a lean limit current
82 Flaws by magnetism = eddy-current|exciter coil: induce currents in the tube; Hall|magnetoresistive probe: sense stray flux at cracks

# G01S elec | DIRECTION FINDING; NAVIGATION BY RADIO; RADAR; SONAR | radar and positioning
thing radar|ranging apparatus|system; positioning|navigation system|receiver; object detection device
part transmitter|emitter: send out a signal; receiver|front_end: take in the echo; signal|echo processor: find the delay of the echo; antenna|aperture: shape the beam; clock|oscillator: time the pulses; target|object list: gather tracked objects
gain resolve close targets; reject clutter and interference; position to within a meter; work in fog or rain
near H01Q G02B B64C H04W
@ 13/00 = Radar
867 Radar with cameras = >sensor|radar fusion: match radar and image objects; >vehicle|millimeter-wave sensor: watch traffic ahead of the bumper
95 Weather radar = weather|Doppler radar: map storms ahead; reflectivity|precipitation profile: tell hail from rain
@ 17/00 + Lidar
89 Mapping with light = >lidar|laser scanner: measure a cloud of points; >point|voxel cloud: trace the surface of the road; >rotating|MEMS mirror: sweep the laser pulse
10 Pulses of light = >avalanche|single-photon diode: count returning photons; >time-to-digital|histogram converter: time the return
@ 19/00 = Satellite positioning
42 Finding a position = satellite|GNSS signal: carry the time of sending; carrier|RTK phase: be resolved to whole cycles
34 Saving power in receivers = correlator|acquisition engine: search code phase; assistance|ephemeris data: spare long searches

# G02B elec | OPTICAL ELEMENTS, SYSTEMS AND APPARATUS | optics
thing optical system|device|assembly; lens|imaging system; display|head-mounted apparatus; optical fiber|waveguide
part lens|optical element: bend the light; light|laser source: emit light; mirror|reflector: fold the light path; lens barrel|mount: center the lens; polarizer|wave plate: pass one polarization; aperture|stop: limit the light cone
gain correct aberrations; brighten the image; shrink the optical path; couple light with little loss
near H01L G01S H04N G06T
@ 6/00 - Light guides
4204 Coupling fibers to devices = ferrule|fiber_connector: align the fiber core; lensed|ball coupling: focus light into the fiber
4452 Distribution frames = splice|patch panel: join fibers in the rack; fiber|cable tray: store slack fiber
0073 Guides lit by LEDs = light-guide|edge-lit plate: spread light over the screen; prism|diffuser sheet: even out brightness
@ 27/00 + Other optical systems
0172 Head-mounted displays = >waveguide|combiner: bring the virtual image to the eye; >micro-display|projector: make the image for the eye; >diffractive|holographic grating: couple light out of the waveguide
646 Steadying of images = shake|gyro sensor: feel hand tremor; voice-coil|shift actuator: move the lens against shake
@ 13/00 = Objectives
0045 Five lenses and more = >first|object-side lens: have positive refractive power; >aspheric|freeform surface: have an inflection point near its edge
14 For infrared and ultraviolet = germanium|chalcogenide lens: pass thermal radiation

# G06F info | ELECTRIC DIGITAL DATA PROCESSING | data processing
thing computer_system; computing|data_processing system|device; method|technique for data processing; computer-readable medium
part processor|central_processing_unit: execute stored instructions; main|system memory: hold program data; operating_system|kernel: manage resources of the computer; application|program: request data; system|interconnect bus: move data to the device; user|client: launch a task
gain shorten response time; save battery power; keep data consistent; lower the load on the processor
near G06N H04L G06Q G06T
@ 3/00 + Input and output arrangements
0412 Touch sensors in displays = touch|sensing electrode: sense a finger on the panel; touch|gesture driver: scan the rows of the panel
0482 Lists and menus = graphical_user|menu interface: list selectable items; icon|widget: open a submenu when tapped; <mouse|trackball pointer: click on the list
0659 Commands of storage = storage|SSD controller: queue host commands; NVMe|host interface: fetch commands from the queue
@ 9/00 = Control of programs
5027 Giving work to machines = >virtual|guest machine: run on a shared host; >hypervisor|container_engine: place workloads on servers; load|resource balancer: shift work to idle nodes
4881 Scheduling = task|thread scheduler: pick the next thread; priority|run queue: order waiting threads; <batch|mainframe job: wait for a partition
4418 Suspend and wake = sleep|hibernation image: preserve state while power is off
@ 12/00 = Access to memory
0811 Several levels of cache = cache|L2 line: hold recently used data; coherence|snoop protocol: keep copies in agreement
0246 Flash memory = flash|NAND block: be erased before writing; garbage|wear-leveling collector: free stale pages; logical|translation table: map addresses to pages
@ 16/00 = Information retrieval and databases
951 Indexing and crawling = search|inverted index: find documents by term; web|page crawler: follow links; ranking|relevance function: sort the hits
27 Copies of databases = replica|database node: apply changes from a log; transaction|commit record: tell replicas what changed
285 Clustering = document|record clusterer: group similar records
@ 21/00 + Security of computers
32 With biometrics = fingerprint|face matcher: verify the user by biometrics; biometric|enrolled template: be stored in a secure enclave
552 Watching over time = malware|intrusion detector: flag suspicious behavior; audit|event log: retain system calls
10 Protecting programs = license|DRM manager: decrypt protected content; <dongle|hardware_key: unlock the program

# G06N info | COMPUTING BASED ON SPECIFIC MODELS | machine learning
thing machine_learning|deep_learning model|system; neural network|model; quantum computing|processing device; method of training a model
part >training|labeled data: teach the model; >model|inference engine: predict an output; >feature|input vector: describe one example; loss|objective function: compare output with label; >accelerator|GPU: multiply matrices; validation|test set: check the trained model
gain raise prediction accuracy; speed up training; use less labeled data; explain the prediction
near G06F G06T G10L G06Q
@ 3/00 + Models after living nature
08 Learning = weight|synaptic update: follow the gradient; >backpropagation|gradient_descent: pass errors to earlier layers
0454 Several networks together = >generator|discriminator network: compete with its counterpart; >encoder|attention block: condense the token sequence
02 Networks in general = hidden|neuron layer: sum weighted inputs; <rule|fuzzy base: state expert knowledge
@ 20/00 + Learning by machines
20 Ensembles = >decision|boosted tree: split samples by feature; >ensemble|voting stage: combine several learners
10 Kernels = support_vector|kernel machine: separate classes with a margin
@ 10/00 + Quantum computing
40 Physical forms of qubits = >superconducting|transmon qubit: hold a quantum state; >readout|coupling resonator: reveal the state of the qubit
70 Correcting errors = >surface|stabilizer code: protect the logical qubit; >syndrome|parity decoder: infer errors from parity checks

# G06Q info | DATA PROCESSING FOR BUSINESS, FINANCE AND ADMINISTRATION | business data processing
thing transaction|commerce system|platform; method for managing business|transaction data; server|computer system
part merchant|vendor server: offer goods; customer|user device: place an order; account|customer record: hold the buyer's data; transaction|order database: store each order; web|online portal: show offers; business|rules engine: decide on the request
gain lower the cost of transactions; stop fraud; match supply with demand; give managers timely reports
near G06F G06N H04L H04W
@ 10/00 = Administration and management
06315 Planning of needs = resource|workforce planner: assign staff to shifts; demand|forecast model: estimate future demand
087 Stock keeping = inventory|stock ledger: count goods on the shelf; >RFID|item tag: tell which item leaves the store
@ 30/00 + Commerce
02 Marketing = >advertisement|campaign: reach a target audience; coupon|loyalty reward: bring shoppers back; >impression|click log: credit the advertiser
0601 Shopping on line = >shopping|virtual cart: gather chosen products; >recommendation|product engine: suggest further items
@ 20/00 + Payment
40 Authorization of payers = payment|card token: stand in for the card number; issuer|acquirer network: approve the payment; point-of-sale|card terminal: read the payment card
102 Billing = bill|invoice presentment: list charges to the payer; <check|lockbox image: be posted to the account
@ 40/00 = Finance and insurance
04 Exchanges = order|matching book: pair bids with offers; trader|market_maker quote: set bid and ask price
08 Insurance = policy|premium calculator: rate the risk; claim|loss record: describe the damage

# G06T info | PROCESSING AND GENERATING IMAGES | image processing
thing image processing apparatus|method|device; image|graphics rendering system; computer vision system
part input|captured image: show the scene; image|frame buffer: store pixel values; region|area of interest: be cut from the frame; pixel|voxel value: give local intensity; camera|imaging_device: record the scene; segmentation mask: separate object and background
gain sharpen edges; run in real time; reduce noise in the image; measure the object accurately
near G06N G02B H04N A61B
@ 7/00 + Analysis of images
0012 Images in medicine = >tumor|lesion segmenter: outline the lesion in the scan; computed_tomography|MRI volume: show organs in slices
70 Position and pose = key-point|feature descriptor: match points across views; pose|camera_position estimator: solve for rotation and translation
0004 Inspection in industry = template|golden image: be subtracted from the test image
@ 15/00 = Drawing of scenes in three dimensions
04 Texture = texture|mipmap unit: map texels to the surface; polygon|triangle mesh: model the surface; vertex|fragment shader: transform vertices
50 Light = ray|path tracer: follow light through the scene; shadow|light map: darken hidden points
@ 5/00 = Improving images
002 Removing noise = bilateral|smoothing filter: average like pixels; >denoising|residual network: restore the clean image
50 From several images = exposure|HDR bracket: widen the dynamic range; tone|histogram curve: compress bright tones

# G10L info | ANALYSIS AND SYNTHESIS OF SPEECH; SPEECH RECOGNITION; AUDIO CODING | speech processing
thing speech|voice recognition|processing system|method; audio|speech encoder|decoder; voice|spoken assistant
part microphone|voice_input: pick up the utterance; audio|speech frame: cover 20 milliseconds of sound; spectrum|cepstral feature: describe the frame; user|speaker: utter a phrase; dictionary|lexicon: list known words; output|audio signal: be sent to the loudspeaker
gain lower the word error rate; keep speech intelligible; save bit rate; work in noisy rooms
near G06N H04N H04L G06F
@ 15/00 + Recognition of speech
22 Dialogue during recognition = >wake-word|hotword detector: listen for the keyword; >intent|dialogue manager: work out what the speaker wants
26 Turning speech into text = acoustic|phone model: score phones; language|n-gram model: rank word sequences; transcript|dictation editor: show the recognized text
@ 19/00 - Coding of speech and audio
02 By spectral analysis = transform|MDCT coefficient: be quantized by band; psychoacoustic|masking model: hide coding noise
04 By prediction = linear|LPC predictor: model the vocal tract; codebook|excitation vector: approximate the residual
@ 21/00 = Changing speech signals
0208 Filtering of noise = noise|echo canceller: subtract background sound; beamformer|microphone_array: point at the talker
0272 Separating voices = source|speaker separator: split overlapping voices

# H01L elec | SEMICONDUCTOR DEVICES | semiconductor devices
thing semiconductor device|structure; light-emitting|display device; method of manufacturing a semiconductor device; image sensor
part silicon|semiconductor substrate: carry the device; insulating|dielectric layer: isolate the conductors; conductive|metal line: connect the terminals; contact|via plug: reach down to the diffusion; gate|control electrode: switch the channel; photoresist|mask pattern: leave openings for etching
gain reduce leakage current; shrink the cell area; raise the yield of the wafer; improve carrier mobility
near G02B H01M B23K G06F
tags Y02P70/50:2 Y02E10/50:1
@ 21/00 - Making of semiconductor devices
3065 Etching in plasma = plasma|etching chamber: etch trenches in the layer; etch|fluorocarbon gas: form volatile products; electrostatic|wafer chuck: hold the wafer
76898 Holes through the substrate = >through-silicon|TSV via: link stacked chips; barrier|seed film: line the hole
67276 Watching the production flow = transfer|wafer robot: move wafers among tools; lot|recipe scheduler: route lots through the fab
@ 29/00 = Transistors and diodes
785 Channels on fins = >fin|nanosheet: rise from the substrate as a channel; gate|high-k stack: wrap the channel; source|drain epitaxy: strain the channel
7869 Oxide semiconductors = >oxide|IGZO semiconductor: form the channel of the thin-film transistor; gate|passivation insulator: supply oxygen to the channel
2003 Nitrides = gallium_nitride|AlGaN barrier: form a two-dimensional electron gas; field|guard plate: even out the electric field
@ 27/00 = Several components on one substrate
3244 Active matrix displays = >organic|OLED pixel: emit light at each crossing; pixel|driving transistor: set the current of the pixel; bank|pixel_defining film: part neighboring pixels
307 Imagers = photodiode|photosensitive region: gather charge; transfer|reset gate: move charge to the floating node; color|micro filter: pass one color to each pixel
@ 33/00 + Light-emitting diodes
50 Conversion of wavelength = phosphor|quantum_dot layer: turn blue light into white; encapsulant|silicone lens: cover the LED chip
62 Leading current = p-type|transparent electrode: spread current over the mesa; lead|bonding frame: bring current to the chip

# H01M elec | BATTERIES; FUEL CELLS | batteries
thing battery|secondary|rechargeable cell; lithium ion|secondary battery; fuel cell|stack system; battery pack|module
part positive|cathode plate: take up ions on discharge; negative|anode plate: release ions on discharge; separator|porous_membrane: keep the electrodes apart; electrolyte|ion conductor: carry ions; current|foil collector: gather electrons; cell|battery can: hold the electrode assembly
gain raise energy density; slow capacity fade; prevent thermal runaway; charge in a shorter time
near H02J B60L C08L C22C
tags Y02E60/10:6 Y02E60/50:2 Y02T10/70:2
@ 4/00 + Electrodes
525 Oxides with nickel or cobalt = >nickel-rich|NCM oxide: store lithium at high voltage; coating|surface_layer: shield the oxide from electrolyte
366 Layered electrodes = graphite|silicon anode particle: swell on charging; carbon|shell coating: buffer volume change; slurry|binder: stick particles to the foil
@ 8/00 = Fuel cells
1004 Membrane assemblies = proton|polymer membrane: let protons pass; gas_diffusion|catalyst layer: feed gas to the reaction; bipolar|separator plate: part hydrogen from air
04753 Control of reactants = hydrogen|fuel supply valve: set the hydrogen flow; air|cathode compressor: feed air to the stack
@ 10/00 = Rechargeable cells
0525 Lithium ion cells = lithium|fluorinated salt: dissolve in carbonate solvent; >solid|sulfide electrolyte: replace the liquid; vinylene|SEI additive: form a film on the anode
613 Cooling = cooling|heat-spreader plate: touch the cell wall; phase-change|thermal pad: soak up heat peaks
@ 50/00 + Non-active parts and cases
20 Mountings of batteries = pack|module frame: hold cells side by side; end|side plate: press the cells; exhaust|vent channel: lead hot gas out of the pack
502 Links between cells = bus|connecting bar: link the terminals; safety|pressure vent: burst under gas pressure

# H02J elec | SUPPLYING, DISTRIBUTING AND STORING ELECTRIC POWER | electric power supply
thing power supply|system|apparatus; charging circuit|device; wireless power transfer system; microgrid|energy_storage system
part power|DC converter: change the voltage; switch|relay: open the circuit; control|power_management circuit: set the current; grid|mains: feed the loads; energy|battery storage: keep surplus energy; current|voltage sensor: watch the line
gain keep the supply stable; charge several devices; lower conversion losses; balance generation with demand
near H01M B60L F03D H04W
tags Y02E10/56:2 Y02B90/20:1 Y02E70/30:1
@ 3/00 = Alternating current networks
32 With batteries = >grid|storage inverter: trade power with the grid; peak|load shaver: discharge at peak demand
381 Scattered generators = >solar|photovoltaic array: supply daytime energy; >island|microgrid switch: part the site from the grid; droop|frequency controller: share load among generators
14 Switching of loads = >demand|load response server: shed loads at high prices
@ 7/00 = Charging of batteries
0013 Several batteries at once = charging|multi-bay cradle: charge packs in turn; cell|bypass balancer: equalize the cells
007 Regulating the charge = constant-current|trickle stage: taper the charge; adapter|USB port: ask for a charging voltage; <nickel-cadmium|NiMH pack: show a voltage dip when full
@ 50/00 + Power without wires
12 By resonance = >resonant|transmitter coil: couple to the receiver coil; >tuning|matching capacitor: hold resonance
80 With exchange of data = >foreign|metal object detector: notice coins on the pad; >load|backscatter modulator: tell the charger how much power is wanted

# H01Q elec | ANTENNAS | antennas
thing antenna module|device; aerial; antenna array|system; wireless|mobile terminal
part radiating|antenna element: radiate a wave; ground|reference plane: image the radiator; feed|coaxial line: lead the signal to the radiator; dielectric|printed substrate: bear the metal pattern; matching|tuning network: match the impedance; reflector|director: shape the beam
gain widen the bandwidth; fit in a thin housing; raise antenna gain; isolate neighboring ports
near H04W G01S H04N
@ 1/00 = Parts of antennas
243 Built-in antennas = metal|bezel frame: serve as antenna of the phone; slot|inverted-F branch: resonate in the low band
246 Base station antennas = antenna|panel radome: cover the column of radiators; downtilt|phase rod: tilt the beam of the tower antenna
@ 21/00 + Arrays
065 Arrays of patches = >patch|microstrip array: steer the beam; >phase|beamforming shifter: delay each element
24 Crossed polarization = dual-polarized|crossed dipole: receive both polarizations

# H04L info | TRANSMISSION OF DIGITAL INFORMATION | data communication
thing network|communication system|device|node; method for secure|data communication; network apparatus|gateway
part network|server node: answer requests; router|switch: forward packets; data|IP packet: carry a header; client|terminal: open a connection; protocol|transport session: bind the endpoints; communication|network interface: attach to the link
gain keep messages secret; lower latency; survive link failures; scale to many devices
near G06F H04W G06Q H04N
@ 9/00 + Secret communication
3247 Digital signatures = private|signing key: sign the message digest; public|certificate key: verify the signature
3239 Hash functions = >blockchain|distributed ledger: chain blocks by hash; >consensus|miner node: append a block
0637 Block ciphers = cipher|AES round: encrypt a block; session|secret key: be derived from a shared secret
@ 12/00 - Switched networks
2803 Networks in the home = >home|residential gateway: link household appliances; >smart|appliance hub: turn on lamps by rule
40 Bus networks = bus|CAN controller: arbitrate for the bus; <token|ring station: pass the token; <modem|ISDN line: dial the provider
@ 63/00 + Security of networks
0428 Protected content = tunnel|VPN endpoint: wrap packets in encryption; TLS|handshake record: agree on keys
08 Authentication = authentication|login server: check credentials; >one-time|access token: prove identity for a while
10 Access control = firewall|packet_filter: drop forbidden packets; access|policy list: say who may connect
@ 67/00 + Applications on networks
10 Distributed applications = >cloud|edge server: run part of the application; proxy|cache server: serve stored replies
12 Special surroundings = >IoT|field gateway: collect readings from devices; >telemetry|device shadow: mirror the state of a device

# H04N elec | TRANSMITTING PICTURES; TELEVISION | video
thing video|image coding|processing apparatus|method; imaging|image_pickup apparatus; content|media delivery system; television|set-top receiver
part video|picture frame: hold luma and chroma; encoder|compressor: shrink the stream; decoder|decompressor: rebuild the picture; display|screen: show the video; bit|transport stream: carry coded pictures; camera|lens unit: form an optical image
gain save bit rate at equal quality; start playback at once; take clear pictures in the dark; avoid visible artifacts
near G06T G02B H04L G10L
@ 19/00 + Coding of video
176 Blocks = coding|macro block: be split into partitions; intra|angular predictor: extend neighboring samples; motion|displacement vector: point to a reference block
124 Quantizing = quantizer|QP step: coarsen coefficients; rate|buffer controller: hold the bit budget
61 Transform with prediction = residual|DCT coefficient: be scanned in zigzag; deblocking|loop filter: smooth block edges
@ 5/00 - Parts of television and cameras
378 Reading out sensors = column|analog converter: digitize pixel signals; correlated|double sampling: cancel reset noise
247 Several cameras = >panorama|multi-camera rig: cover all directions; >stitching|overlap seam: join adjacent pictures
2256 Cameras with lights = flash|strobe lamp: light the subject; infrared|night filter: swing from the path at night; <tape|cassette recorder: tape the scene
@ 21/00 + Delivery of content
4532 By what users like = viewer|preference profile: learn which programs are watched; program|channel guide: list upcoming shows
454 Filtering of content = >segment|streaming manifest: name chunks of several rates; >media|stream player: fetch the next chunk; parental|rating filter: skip scenes

# H04W info | WIRELESS COMMUNICATION NETWORKS | wireless communication
thing wireless communication system|device|method; user_equipment|mobile_terminal; base_station|access_node
part base_station|eNB: serve the cell; user|mobile equipment: attach to the cell; radio|air interface: carry bursts; transceiver|modem: modulate the carrier; core|control network: hold subscriber data; control|signaling message: bear parameters
gain raise spectral efficiency; save power of the terminal; avoid dropped calls; lower signaling overhead
near H04L H01Q H02J G01S
tags Y02D30/70:4
@ 72/00 + Sharing of radio resources
0446 Slots = slot|subframe: be granted to one terminal; timing|TTI structure: mix uplink and downlink
0453 Frequencies = resource|frequency block: be allotted by the scheduler; >bandwidth|carrier part: be switched on demand; interference|coordination map: keep cells off the same tones
042 Downlink control = >downlink|DCI grant: announce the allocation; search|control region: be monitored by the terminal
@ 36/00 = Handover
30 By quality = measurement|signal report: list neighbor cells; handover|reselection trigger: fire when the neighbor is stronger
08 Choice of access point = target|candidate cell: reserve a channel; >dual|make-before-break link: keep data flowing during handover
@ 4/00 + Services for wireless networks
029 Services by location = >geofence|zone: fire an alert on entry; location|tracking server: follow the device
40 For vehicles = >roadside|V2X unit: warn cars of danger; >platoon|vehicle group: exchange speed data
80 Short range = Bluetooth radio|beacon: pair with the phone; NFC|proximity reader: exchange data on a tap

# Y02A mech | TECHNOLOGIES FOR ADAPTING TO CLIMATE CHANGE | climate adaptation
thing climate adaptation system
part rain|storm water store: hold water for dry periods; weather|flood forecast: warn of extreme weather
gain secure the water supply in droughts; protect health in polluted air
@ 20/00 + Saving and supplying water
124 Desalination = desalination|sea-water stage: make drinking water
131 Reverse osmosis = energy|brine recovery: save power in desalination
@ 30/00 = Adapting buildings
24 Structural elements against heat = reflective|green facade: keep the building cool
@ 50/00 + Protecting health
20 Air quality = particulate|emission trap: clean city air
@ 90/00 = Indirect contributions
10 Information systems = health|climate record: track risk
40 Against invasive species = invasive|pest monitor: spot pests early

# Y02B mech | SAVING ENERGY IN BUILDINGS AND HOUSEHOLDS | energy saving in buildings
thing building energy system
part energy|consumption display: show the use of energy; standby|idle circuit: switch off idle loads
gain lower the energy bill; cut standby losses
@ 30/00 + Heating, ventilation and air conditioning
70 Efficient control = demand|need-based control: run only when rooms are used
12 Hot water from heat recovered = waste|exhaust heat coil: warm tap water
@ 40/00 = Household appliances
18 With waste heat = heat|recovery loop: reuse heat of the appliance
@ 90/00 = Enabling technologies
20 Smart grids = smart|energy meter: report consumption

# Y02D info | LESS ENERGY FOR INFORMATION TECHNOLOGY | energy saving in networks
thing energy saving network
part sleep|discontinuous cycle: switch the radio off; wake-up|paging signal: rouse the terminal
gain stretch battery life; cut the energy of the network
@ 10/00 + Energy-efficient computing
00 Computing that spares energy = clock|voltage scaling: slow idle cores
@ 30/00 + Networks
70 Wireless networks = energy|power_saving mode: rest between bursts

# Y02E elec | CLEANER GENERATION, TRANSMISSION AND STORAGE OF ENERGY | clean energy
thing renewable energy system
part renewable|green power: replace fossil fuel; carbon|CO2 emission: be kept from the air
gain cut greenhouse gas emissions; store energy from the sun
@ 10/00 + Renewable sources
72 Wind turbines facing the wind = wind|gust energy: be harvested without fuel
50 Photovoltaics = solar|thin-film cell: turn light into current
56 Feeding solar power = solar|grid-tied feed: follow the sun
@ 20/00 = Combustion with less harm
32 Catching carbon dioxide = captured|stored carbon dioxide: be pressed underground
@ 60/00 + Enabling technologies
10 Storage in batteries = battery|stationary storage: smooth renewable power
50 Fuel cells = hydrogen|clean fuel: burn without smoke
@ 70/00 = Other ways
30 Several techniques together = hybrid|combined plant: join sources

# Y02P chem | CLEANER PRODUCTION OF GOODS | clean production
thing clean production process
part recycled|secondary feedstock: replace virgin material; waste|process heat: be used again
gain save raw material; lower emissions of the plant
@ 10/00 = Metals
20 Recycling = scrap|returned metal: be melted again
@ 20/00 + Chemical industry
10 Process efficiency = energy|heat integration: cut steam use
141 Feedstock = bio|renewable feedstock: replace petroleum
143 Recycled feedstock = waste|post-consumer plastic: return to the process
52 Use of biology = enzyme|fermentation route: work at room temperature
@ 40/00 = Minerals
57 Glass furnaces = furnace|flue heat: warm the batch
@ 70/00 + Final products
50 Efficient manufacturing = material|scrap saving: cut waste in the plant

# Y02T elec | CLEANER TRANSPORT | clean transport
thing clean transport system
part zero-emission|low-carbon drive: replace the combustion engine; fuel|energy economy: be improved over the trip
gain lower emissions per kilometer; save fuel in traffic
@ 10/00 + Road transport
12 Better engines = lean|efficient combustion: burn less fuel
40 Engine management = engine|injection strategy: lower emissions
62 Hybrid vehicles = hybrid|electric assist: shut the engine at stops
70 Storage for electric vehicles = vehicle|traction storage: run without exhaust
@ 50/00 = Aviation
10 Less drag = laminar|smooth flow: save kerosene
60 Efficient propulsion = efficient|high-bypass engine: burn less kerosene
@ 90/00 + Enabling technologies
12 Charging stations = public|fast charger: serve passing cars

# Y10S mech | FORMER CROSS-REFERENCE COLLECTIONS | robots of the former collections
thing robot
part manipulator|robot: take the place of a worker
gain spare manual work
@ 901/00 - Robots
02 Arm motion controllers = arm|motion control: move the hand
31 Gripping jaws = jaw|gripper: hold the work

# Y10T mech | SUBJECTS OF THE FORMER US CLASSIFICATION | machine elements and stock material
thing machine element
part fitting|machine element: serve several machines
gain simplify manufacture
@ 29/00 - Metal working
10 Battery grids = grid|stamped blank: be cut from strip
@ 70/00 - Locks
50 Special uses = special|padlock: fit special uses
@ 74/00 - Machine elements and mechanisms
11 Trips = trip|latch: release the mechanism
@ 292/00 - Closure fasteners
10 Bolts = swinging|sliding bolt: fasten the closure
@ 428/00 - Stock material
11 Magnetic heads = magnetic|layered stock: have several layers
31 Composite of other than one material = composite|coated sheet: have unlike layers
"""

FREQUENCY = """
G06F H04L A61K H01L A61B G06Q H04W H04N G01N H01M G06N C07D B60L G02B A61M G06T A61P C12N A61F B65D
C07K B01D H02J G01S F16H B29C B65G B32B B25J G10L E21B F01D F02M A01D C08L B01J B41J C02F F24F
B23K B62D H01Q C09D B64C A23L F25B F03D D06F E02F A63B F16L C22C E04B A01H A24F E05B A47J C03C A01B
D01F D21H
"""
"""Subclasses from the most to the least frequent one; those of section Y come as tags only."""

CLASS_TITLES = """
A01 AGRICULTURE; FORESTRY; HUNTING; FISHING
A23 FOODS AND THEIR TREATMENT
A24 TOBACCO; SMOKERS' REQUISITES
A47 FURNITURE; HOUSEHOLD GOODS; KITCHEN EQUIPMENT
A61 MEDICINE AND VETERINARY SCIENCE; HYGIENE
A63 SPORTS; GAMES; AMUSEMENTS
B01 PHYSICAL AND CHEMICAL PROCESSES IN GENERAL
B23 MACHINE TOOLS; METAL WORKING
B25 HAND TOOLS; MANIPULATORS
B29 WORKING OF PLASTICS
B32 LAYERED PRODUCTS
B41 PRINTING; TYPEWRITERS; STAMPS
B60 VEHICLES IN GENERAL
B62 LAND VEHICLES OTHER THAN ON RAILS
B64 AIRCRAFT; AVIATION; SPACE FLIGHT
B65 CONVEYING; PACKING; STORING
C02 TREATMENT OF WATER AND SEWAGE
C03 GLASS; MINERAL WOOL
C07 ORGANIC CHEMISTRY
C08 MACROMOLECULAR COMPOUNDS
C09 DYES; PAINTS; POLISHES; ADHESIVES
C12 BIOCHEMISTRY; MICROBIOLOGY; GENETIC ENGINEERING
C22 METALLURGY; ALLOYS
D01 THREADS AND FIBERS; SPINNING
D06 TREATMENT OF TEXTILES; LAUNDERING
D21 PAPER-MAKING
E02 HYDRAULIC ENGINEERING; FOUNDATIONS; SOIL SHIFTING
E04 BUILDING
E05 LOCKS; KEYS; SAFES
E21 DRILLING OF EARTH AND ROCK; MINING
F01 MACHINES AND ENGINES IN GENERAL
F02 COMBUSTION ENGINES
F03 MACHINES AND ENGINES FOR LIQUIDS; WIND MOTORS
F16 MACHINE ELEMENTS; GENERAL ENGINEERING
F24 HEATING; VENTILATING
F25 REFRIGERATION AND COOLING; HEAT PUMPS
G01 MEASURING; TESTING
G02 OPTICS
G06 COMPUTING; CALCULATING; COUNTING
G10 MUSICAL INSTRUMENTS; ACOUSTICS
H01 ELECTRIC ELEMENTS
H02 ELECTRIC POWER: GENERATION, CONVERSION, DISTRIBUTION
H04 ELECTRIC COMMUNICATION
Y02 TECHNOLOGIES THAT MITIGATE OR ADAPT TO CLIMATE CHANGE
Y10 SUBJECTS OF FORMER CLASSIFICATIONS
"""
